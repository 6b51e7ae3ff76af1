import java.util.function.Consumer;

/** The whole job for one event, the same in every framework: only what keeps the bytes differs. */
final class Work {
    enum Windows { SECONDS, MINUTES, HOPPING }

    private final Windows windows;

    Work(String windows) {
        this.windows = Windows.valueOf(windows.toUpperCase());
    }

    boolean isHopping() {
        return windows == Windows.HOPPING;
    }

    /** The operation's outcome, if this event ended one that was not known; else null. Alerts go to `receiver`. */
    Outcome take(Event event, long atMs, Kept kept, Consumer<String> receiver) {
        Head head = new Head(kept.head());
        head.add(Head.EVENTS, 1);
        if (!head.isNew(event.event_id())) {
            head.add(Head.RESENT, 1);
            kept.keepHead(head.array());
            return null;
        }
        head.see(atMs);
        number(event, new Owners(kept, head));
        Outcome outcome = event.isEnding() ? Outcome.of(event) : null;
        if (outcome != null) {
            head.add(Head.TOTALS, outcome, 1);
            head.latency(event.duration_seconds());
        }
        count(head, kept, atMs, outcome);
        judge(head, receiver);
        kept.keepHead(head.array());
        return outcome;
    }

    private static void number(Event event, Owners owners) {
        switch (event.type()) {
            case "episode.created" -> owners.hold(event.episode_number(), event.episode_id());
            case "episode.deleted" -> owners.release(0, event.episode_id());
            case "episode.renumbered" -> {
                owners.release(event.old_number(), event.episode_id());
                owners.hold(event.episode_number(), event.episode_id());
            }
            default -> { }
        }
    }

    private void count(Head head, Kept kept, long atMs, Outcome outcome) {
        if (windows == Windows.SECONDS) {
            Seconds seconds = new Seconds(kept, head);
            seconds.advance((int) (head.latestMs() / 1000));
            if (outcome != null) {
                seconds.add((int) (atMs / 1000), outcome);
            }
        } else if (windows == Windows.MINUTES) {
            if (outcome != null) {
                Minutes.add(head, (int) (atMs / 60_000), outcome);
            }
            Minutes.sum(head, (int) (head.latestMs() / 60_000));
        }
    }

    /** With hopping windows, the sums are 0 here and the framework's own windows are judged behind. */
    private static void judge(Head head, Consumer<String> receiver) {
        int before = head.get(Head.FIRING);
        int now = Rules.crossed(head.get(Head.LONG), head.get(Head.LONG + 4), head.get(Head.LONG + 12),
            head.get(Head.SHORT), head.get(Head.SHORT + 8)) | (head.isUnsound() ? Rules.INTEGRITY : 0);
        if (now != before) {
            head.set(Head.FIRING, now);
            Rules.tell(before, now, head.latestMs(), receiver);
        }
    }
}
