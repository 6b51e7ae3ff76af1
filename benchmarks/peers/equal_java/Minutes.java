/** Windows to the minute: fifteen panes in the head, added up anew for each event. */
final class Minutes {
    private static final int LONG_MINUTES = 15, SHORT_MINUTES = 10, PANE = 24; // bytes: the minute and five counts

    private Minutes() {}

    static void add(Head head, int minute, Outcome outcome) {
        int pane = Head.PANES + minute % LONG_MINUTES * PANE;
        if (head.get(pane) != minute) {
            for (int place = pane + 4; place < pane + PANE; place += 4) {
                head.set(place, 0);
            }
            head.set(pane, minute);
        }
        head.add(pane + 4, outcome, 1);
    }

    static void sum(Head head, int newest) {
        for (int place = Head.LONG; place < Head.FIRST_BUCKET; place += 4) {
            head.set(place, 0);
        }
        for (int pane = Head.PANES; pane < Head.RING; pane += PANE) {
            int age = newest - head.get(pane);
            for (int i = 0; i < 20 && age < LONG_MINUTES; i += 4) {
                int count = head.get(pane + 4 + i);
                head.add(Head.LONG + i, count);
                head.add(Head.SHORT + i, age < SHORT_MINUTES ? count : 0);
            }
        }
    }
}
