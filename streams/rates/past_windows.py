"""Windows that ended in the past, as they are by all that has come since."""

from streams.base.outcome_flags import Sums
from streams.rates.operation_series import OperationSeries


def tally_between(series: OperationSeries, first: int, last: int) -> int:
    """The tally of these epoch seconds, ends included; a minute whose seconds were dropped is in its first."""
    sums = Sums()
    for minute, pane in series.minutes.items():
        begin = minute * 60
        if begin <= last and begin + 59 >= first:
            pane.put(sums, max(first - begin, 0), min(last - begin, 59), 1)
    return sums.total
