"""How each type of alert is put into words: unit, numbers and sentence, one object a type, for every place that shows
one. Numbers never take an exponent, and a value that is above its threshold reads so.
"""

import math

import msgspec

DIGITS = 3  # significant ones, and as many more as it takes to tell a value from its threshold
_MOST_DIGITS = 17  # enough for any two different floats


class AlertType(msgspec.Struct, frozen=True, kw_only=True):
    """One `alert_type`. `unit` follows a number after a space, in both numbers of grammar."""

    name: str
    unit: str
    units: str
    of: tuple[str, str] = ("operation", "operations")  # what a sample is made of

    def value(self, value: float | None, threshold: float) -> str:
        """A value with its unit, in as many digits as it takes to tell it from its threshold."""
        return "no data" if value is None else self._with_unit(apart(value, threshold, self.unit == "%"))

    def threshold(self, threshold: float) -> str:
        """A threshold with its unit."""
        return self._with_unit(number(threshold, _MOST_DIGITS))

    def rate_sentence(self, project: str, value: float | None, threshold: float, sample: int, minutes: int) -> str:
        """Of a rate in a window."""
        if value is None:
            return self.no_operations(project, minutes)
        return (
            f"Project {project}: {self.value(value, threshold)} of {counted(sample, *self.of)} in the last "
            f"{counted(minutes, 'minute', 'minutes')}; the threshold is {self.threshold(threshold)}."
        )

    def latency_sentence(
        self, project: str, value: float | None, threshold: float, slower: int, sample: int, minutes: int
    ) -> str:
        """Of a 95th percentile, with the count by which it is judged."""
        if value is None:
            return self.no_operations(project, minutes)
        return (
            f"Project {project}: 95th percentile {self.value(value, threshold)} of "
            f"{counted(sample, 'creation', 'creations')} in the last {counted(minutes, 'minute', 'minutes')}, "
            f"{slower} of them slower than {self.threshold(threshold)}; the limit is {self.threshold(threshold)}."
        )

    def no_operations(self, project: str, minutes: int) -> str:
        """Of an empty window."""
        return f"Project {project} had no operations in the last {counted(minutes, 'minute', 'minutes')}."

    def numbers_sentence(self, project: str, missing: int, duplicates: int, episodes: int, highest: int) -> str:
        """Of a project's numbers."""
        return (
            f"Project {project} has {missing} missing and "
            f"{counted(duplicates, 'duplicate number', 'duplicate numbers')} "
            f"among {counted(episodes, *self.of)} (highest number {highest})."
        )

    def _with_unit(self, text: str) -> str:
        unit = self.unit if text == "1" else self.units
        return f"{text} {unit}" if unit else text


_EPISODES = ("episode", "episodes")
ALERT_TYPES = {
    kind.name: kind
    for kind in (
        AlertType(name="HIGH_FAILURE_RATE", unit="%", units="%"),
        AlertType(name="HIGH_CONFLICT_RATE", unit="%", units="%"),
        AlertType(name="HIGH_RETRY_RATE", unit="%", units="%"),
        AlertType(name="SLOW_CREATION", unit="s", units="s"),
        AlertType(name="INTEGRITY_VIOLATION", unit="finding", units="findings", of=_EPISODES),
        AlertType(name="INTEGRITY_DRIFT", unit="difference", units="differences", of=_EPISODES),
    )
}


def alert_type(name: str) -> AlertType:
    """The type of this name; for one that a newer version wrote, numbers without a unit."""
    return ALERT_TYPES.get(name) or AlertType(name=name, unit="", units="")


def counted(count: int, one: str, many: str) -> str:
    """
    >>> counted(1, "gap", "gaps"), counted(0, "gap", "gaps")
    ('1 gap', '0 gaps')
    """
    return f"{count} {one if count == 1 else many}"


def number(value: float, digits: int = DIGITS) -> str:
    """So many significant digits, none in vain and never an exponent.

    >>> number(1530.4), number(6.6667), number(5.0), number(0.00012), number(0)
    ('1530', '6.67', '5', '0.00012', '0')
    """
    if not value or not math.isfinite(value):
        return "0" if not value else str(value)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(decimals, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def apart(value: float, threshold: float, is_percentage: bool = False) -> str:
    """`value` in as few digits as keep it different from a threshold, and from 100 %, where it differs.

    >>> apart(1.004, 1.0), apart(1.0, 1.0), apart(99.996, 5.0, True), apart(100.0, 1.0, True), apart(1530.0, 5.0)
    ('1.004', '1', '99.996', '100', '1530')
    """
    others = [other for other in (threshold, 100.0 if is_percentage else threshold) if other != value]
    for digits in range(DIGITS, _MOST_DIGITS):
        text = number(value, digits)
        if all(float(text) != other for other in others):
            return text
    return repr(value)
