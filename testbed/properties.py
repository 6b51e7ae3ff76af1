"""How many examples Hypothesis tries: a quarter of what a property asks for in `./run test`, all with `--all`.

TEST_EXAMPLES_TIMES=20 makes every search twenty times as long as it asks for.
"""

import os

from hypothesis import HealthCheck, settings

FEW = 0.25  # times what is asked for
LEAST = 5
VARIABLE = "TEST_EXAMPLES_TIMES"


def examples(count: int, *suppressed: HealthCheck) -> settings:
    """Settings for a property that asks for so many examples. Health checks of speed are off: machines differ."""
    unhealthy = [HealthCheck.too_slow, HealthCheck.data_too_large, *suppressed]
    return settings(max_examples=scaled(count), deadline=None, suppress_health_check=unhealthy)


def set_default(*, is_all: bool) -> None:
    """What properties get that ask for nothing or use `examples`. Call it before tests are imported."""
    os.environ.setdefault(VARIABLE, "1" if is_all else str(FEW))
    settings.register_profile("scaled", max_examples=scaled(100), deadline=None)
    settings.load_profile("scaled")


def scaled(count: int) -> int:
    """So many times of what a test asks for as this run tries."""
    return max(min(count, LEAST), round(count * float(os.environ.get(VARIABLE, "1"))))
