"""One sliding window `(T - W, T]` of a series, as a running sum; the series moves it."""

from mypy_extensions import i64, mypyc_attr

from streams.base.outcome_flags import Sums


@mypyc_attr(acyclic=True)
class Window(Sums):
    """A running sum over the last `length_seconds`; `tail` is the last second that has left it.

    No operation of the window lies before second `oldest`; it follows the tail lazily.
    """

    __slots__ = ("length_seconds", "oldest", "tail")

    def __init__(self, length_seconds: int) -> None:
        super().__init__()
        self.length_seconds: i64 = length_seconds
        self.oldest: i64 = 0
        self.tail: i64 = 0
