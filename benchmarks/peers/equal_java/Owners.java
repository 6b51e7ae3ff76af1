import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Which episodes hold which numbers: a bit for each number held, then number, length and id of each holder. */
final class Owners {
    private static final int ENTRIES = 8;
    private final Kept kept;
    private final Head head;

    Owners(Kept kept, Head head) {
        this.kept = kept;
        this.head = head;
    }

    void hold(int number, String episode) {
        byte[] id = episode.getBytes(StandardCharsets.UTF_8), chunk = kept.numbers(number / 64);
        if (chunk == null) {
            chunk = new byte[ENTRIES];
        }
        int slot = number % 64, holders = 0;
        if ((ByteBuffer.wrap(chunk).getLong(0) >>> slot & 1) == 1) {
            for (int at = ENTRIES; at < chunk.length; at = next(chunk, at)) {
                if (chunk[at] == slot) {
                    holders++;
                    if (isHolder(chunk, at, id)) {
                        return;
                    }
                }
            }
        }
        head.add(holders == 0 ? Head.HELD : Head.DUPLICATES, holders < 2 ? 1 : 0);
        head.set(Head.HIGHEST, Math.max(number, head.get(Head.HIGHEST)));
        byte[] longer = Arrays.copyOf(chunk, chunk.length + 2 + id.length);
        ByteBuffer bytes = ByteBuffer.wrap(longer);
        bytes.putLong(0, bytes.getLong(0) | 1L << slot);
        bytes.position(chunk.length).put((byte) slot).put((byte) id.length).put(id);
        kept.keepNumbers(number / 64, longer);
    }

    /** Releases the number that an episode holds, looked for from the highest down; `number` 0: not known. */
    void release(int number, String episode) {
        byte[] id = episode.getBytes(StandardCharsets.UTF_8);
        int from = number > 0 ? number / 64 : head.get(Head.HIGHEST) / 64, to = number > 0 ? from : 0;
        for (int index = from; index >= to; index--) {
            byte[] chunk = kept.numbers(index);
            for (int at = ENTRIES; chunk != null && at < chunk.length; at = next(chunk, at)) {
                if ((number == 0 || chunk[at] == number % 64) && isHolder(chunk, at, id)) {
                    release(index, chunk, at);
                    return;
                }
            }
        }
    }

    private void release(int index, byte[] chunk, int entry) {
        int slot = chunk[entry], end = next(chunk, entry), holders = 0;
        for (int at = ENTRIES; at < chunk.length; at = next(chunk, at)) {
            holders += chunk[at] == slot ? 1 : 0;
        }
        byte[] shorter = Arrays.copyOf(chunk, chunk.length - (end - entry));
        System.arraycopy(chunk, end, shorter, entry, chunk.length - end);
        if (holders == 1) {
            ByteBuffer bytes = ByteBuffer.wrap(shorter);
            bytes.putLong(0, bytes.getLong(0) & ~(1L << slot));
        }
        kept.keepNumbers(index, shorter);
        head.add(holders == 1 ? Head.HELD : Head.DUPLICATES, holders <= 2 ? -1 : 0);
        if (holders == 1 && index * 64 + slot == head.get(Head.HIGHEST)) {
            head.set(Head.HIGHEST, highestFrom(index));
        }
    }

    private int highestFrom(int index) {
        for (int at = index; at >= 0; at--) {
            byte[] chunk = kept.numbers(at);
            long held = chunk == null ? 0 : ByteBuffer.wrap(chunk).getLong(0);
            if (held != 0) {
                return at * 64 + 63 - Long.numberOfLeadingZeros(held);
            }
        }
        return 0;
    }

    private static int next(byte[] chunk, int entry) {
        return entry + 2 + Byte.toUnsignedInt(chunk[entry + 1]);
    }

    private static boolean isHolder(byte[] chunk, int entry, byte[] id) {
        return Arrays.equals(chunk, entry + 2, next(chunk, entry), id, 0, id.length);
    }
}
