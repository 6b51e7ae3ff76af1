"""How many worker processes `auto` means: the cores that this process may use, at most one for each partition."""

import os
from pathlib import Path
from typing import Final

CGROUP_2: Final = Path("/sys/fs/cgroup/cpu.max")
CGROUP_1: Final = (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"))


def processes_for(cores: int, quota_cores: float | None, partitions: int) -> int:
    """`quota_cores` is what a container may use; None: all."""
    usable = cores if quota_cores is None else min(cores, int(quota_cores))
    return max(1, min(usable, partitions))


def usable_cores() -> int:
    """Of the machine, as far as this process may run on them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota_cores() -> float | None:
    """What the control group of a container may use; None: it is not limited."""
    try:
        quota, period = _words()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no control groups
        return None


def _words() -> list[str]:
    if CGROUP_2.exists():
        return CGROUP_2.read_text("ascii").split()
    return [path.read_text("ascii").strip() for path in CGROUP_1]
