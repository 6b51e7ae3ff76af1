/** What a framework keeps of one project. Absent values are null; arrays that are read may be changed and stored again. */
interface Kept {
    byte[] head();

    void keepHead(byte[] head);

    /** Who holds the numbers 64 * chunk and up. */
    byte[] numbers(int chunk);

    void keepNumbers(int chunk, byte[] numbers);

    /** The counts by the second of a minute, in one of Seconds.PLACES places. */
    byte[] minute(int place);

    void keepMinute(int place, byte[] minute);
}
