/** What one operation, or all of a second, adds to the counts. */
record Outcome(int ended, int failed, int conflicted, int slow, int retried) {
    private static final double SLOW_SECONDS = 5.0;

    static Outcome of(Event event) {
        return new Outcome(1, event.hasFailed() ? 1 : 0, event.had_conflict() ? 1 : 0,
            event.duration_seconds() > SLOW_SECONDS ? 1 : 0, event.retry_count() > 0 ? 1 : 0);
    }
}
