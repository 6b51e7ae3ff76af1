import java.nio.ByteBuffer;

/** Windows to the second: what a second counted is kept for a quarter of an hour, and the head has the sums. */
final class Seconds {
    static final int PLACES = 17; // minutes: a window of fifteen touches sixteen
    private static final int LONG_SECONDS = 900, SHORT_SECONDS = 600, COUNTS = 10; // bytes of a second
    private final Kept kept;
    private final Head head;

    Seconds(Kept kept, Head head) {
        this.kept = kept;
        this.head = head;
    }

    /** Lets go what has left the windows. */
    void advance(int second) {
        int newest = head.get(Head.NEWEST);
        if (second <= newest) {
            return;
        }
        head.set(Head.NEWEST, second);
        for (int left = Math.max(newest, second - LONG_SECONDS) + 1; left <= second && newest > 0; left++) {
            head.add(Head.LONG, at(left - LONG_SECONDS), -1);
            head.add(Head.SHORT, at(left - SHORT_SECONDS), -1);
        }
        if (newest > 0 && second - newest > LONG_SECONDS) {
            clear();
        }
    }

    private void clear() {
        for (int place = Head.LONG; place < Head.FIRST_BUCKET; place += 4) {
            head.set(place, 0);
        }
    }

    void add(int second, Outcome outcome) {
        byte[] minute = minuteOf(second);
        if (minute == null) {
            minute = new byte[4 + 60 * COUNTS];
        }
        ByteBuffer bytes = ByteBuffer.wrap(minute).putInt(0, second / 60);
        int place = 4 + second % 60 * COUNTS;
        int[] counts = {outcome.ended(), outcome.failed(), outcome.conflicted(), outcome.slow(), outcome.retried()};
        for (int i = 0; i < counts.length; i++) {
            bytes.putShort(place + 2 * i, (short) (bytes.getShort(place + 2 * i) + counts[i]));
        }
        kept.keepMinute(second / 60 % PLACES, minute);
        head.add(Head.LONG, outcome, 1);
        head.add(Head.SHORT, outcome, 1);
    }

    private Outcome at(int second) {
        byte[] minute = minuteOf(second);
        if (minute == null) {
            return NOTHING;
        }
        ByteBuffer bytes = ByteBuffer.wrap(minute);
        int place = 4 + second % 60 * COUNTS;
        return new Outcome(bytes.getShort(place), bytes.getShort(place + 2), bytes.getShort(place + 4),
            bytes.getShort(place + 6), bytes.getShort(place + 8));
    }

    private byte[] minuteOf(int second) {
        byte[] minute = kept.minute(second / 60 % PLACES);
        return minute != null && ByteBuffer.wrap(minute).getInt(0) == second / 60 ? minute : null;
    }

    private static final Outcome NOTHING = new Outcome(0, 0, 0, 0, 0);
}
