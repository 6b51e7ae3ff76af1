import java.util.function.Consumer;

/** The four rules as bits: failures, conflicts, slow creations, integrity. Shares are compared as integers. */
final class Rules {
    static final int FAILURES = 1, CONFLICTS = 2, SLOW = 4, INTEGRITY = 8;

    private Rules() {}

    static int crossed(int ended, int failed, int slow, int recentlyEnded, int conflicted) {
        return (isAbove(failed, 1, ended) ? FAILURES : 0) | (isAbove(conflicted, 5, recentlyEnded) ? CONFLICTS : 0)
            | (isAbove(slow, 5, ended) ? SLOW : 0);
    }

    private static boolean isAbove(int part, int percent, int whole) {
        return 100L * part > (long) percent * whole;
    }

    /** An alert for each rule that changed. */
    static void tell(int before, int now, long atMs, Consumer<String> receiver) {
        for (int rule = 1; rule <= INTEGRITY; rule <<= 1) {
            if (((before ^ now) & rule) != 0) {
                String state = (now & rule) != 0 ? "firing" : "resolved";
                receiver.accept("{\"rule\":" + rule + ",\"state\":\"" + state + "\",\"at\":" + atMs + "}");
            }
        }
    }
}
