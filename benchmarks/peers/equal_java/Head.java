import java.nio.ByteBuffer;
import java.util.Arrays;

/** A project's totals, window sums, last event ids and latencies in one array; stored_form.py reads the same places. */
final class Head {
    static final int LATEST_MS = 0, EVENTS = 8, RESENT = 12, TOTALS = 16, HIGHEST = 36, HELD = 40, DUPLICATES = 44,
        FIRING = 48, IDS = 52, NEWEST = 56, LONG = 60, SHORT = 80, FIRST_BUCKET = 100, PANES = 104, RING = 464, SKETCH = 2512;
    static final int REMEMBERED = 256;
    private static final double BUCKETS_AN_E_FOLD = 50; // 2 % wide
    private ByteBuffer bytes;

    Head(byte[] stored) {
        bytes = ByteBuffer.wrap(stored == null ? new byte[SKETCH] : stored);
    }

    byte[] array() {
        return bytes.array();
    }

    int get(int place) {
        return bytes.getInt(place);
    }

    void set(int place, int value) {
        bytes.putInt(place, value);
    }

    void add(int place, int value) {
        bytes.putInt(place, bytes.getInt(place) + value);
    }

    long latestMs() {
        return bytes.getLong(LATEST_MS);
    }

    void see(long ms) {
        bytes.putLong(LATEST_MS, Math.max(ms, latestMs()));
    }

    /** Adds an outcome, or takes it away, at five places that follow each other. */
    void add(int places, Outcome outcome, int times) {
        add(places, outcome.ended() * times);
        add(places + 4, outcome.failed() * times);
        add(places + 8, outcome.conflicted() * times);
        add(places + 12, outcome.slow() * times);
        add(places + 16, outcome.retried() * times);
    }

    /** False for an id that is among the last ones; another takes the place of the oldest. */
    boolean isNew(String eventId) {
        long mark = mark(eventId);
        int seen = get(IDS);
        for (int place = RING, end = RING + 8 * Math.min(seen, REMEMBERED); place < end; place += 8) {
            if (bytes.getLong(place) == mark) {
                return false;
            }
        }
        bytes.putLong(RING + 8 * (seen % REMEMBERED), mark);
        set(IDS, seen + 1);
        return true;
    }

    /** Eight bytes, as the monitor keeps of an id: a polynomial, its bits mixed. */
    private static long mark(String text) {
        long mark = text.length();
        for (int i = 0; i < text.length(); i++) {
            mark = mark * 1_000_003L + text.charAt(i);
        }
        mark ^= mark >>> 29;
        return mark * 0x9E3779B97F4A7C15L;
    }

    /** One more creation that took so long; buckets lie from the fastest to the slowest that there was. */
    void latency(double seconds) {
        int bucket = (int) Math.floor(Math.log(Math.max(1, Math.round(seconds * 1e6))) * BUCKETS_AN_E_FOLD);
        int kept = (array().length - SKETCH) / 4, first = kept == 0 ? bucket : get(FIRST_BUCKET);
        int before = Math.max(0, first - bucket), after = Math.max(0, bucket - (first + kept - 1));
        if (before + after > 0) {
            byte[] wider = Arrays.copyOf(array(), SKETCH + 4 * (before + kept + after));
            Arrays.fill(wider, SKETCH, SKETCH + 4 * before, (byte) 0);
            System.arraycopy(array(), SKETCH, wider, SKETCH + 4 * before, 4 * kept);
            bytes = ByteBuffer.wrap(wider);
            first -= before;
        }
        set(FIRST_BUCKET, first);
        add(SKETCH + 4 * (bucket - first), 1);
    }

    boolean isUnsound() {
        return get(HIGHEST) > get(HELD) || get(DUPLICATES) > 0;
    }
}
