import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/** Tells the benchmark how far each partition was taken, as lines on standard output. */
final class Marks {
    private static final int EVERY = 5_000; // offsets
    private static final AtomicBoolean BEGAN = new AtomicBoolean();
    private static final Map<Integer, Long> LAST = new HashMap<>();

    static {
        for (String pair : System.getenv("BENCH_LAST_OFFSETS").split(",")) {
            LAST.put(Integer.valueOf(pair.split(":")[0]), Long.valueOf(pair.split(":")[1]));
        }
    }

    private Marks() {}

    static void beforeAny() {
        if (!BEGAN.get() && BEGAN.compareAndSet(false, true)) {
            say("first 0");
        }
    }

    static void taken(int partition, long offset) {
        if (offset >= LAST.get(partition)) {
            say("last " + partition);
        } else if (offset % EVERY == 0) {
            say("at " + partition + " " + offset);
        }
    }

    private static void say(String what) {
        System.out.println("bench " + what + " " + System.currentTimeMillis() / 1000.0);
    }
}
