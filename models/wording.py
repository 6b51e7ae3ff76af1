"""Numbers as people read them. They never take an exponent, and a value that is above its threshold reads so."""

import math

DIGITS = 3  # significant ones, and as many more as distinguish a value from its threshold
MOST_DIGITS = 17  # enough for any two different floats


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
    for digits in range(DIGITS, MOST_DIGITS):
        text = number(value, digits)
        if all(float(text) != other for other in others):
            return text
    return repr(value)
