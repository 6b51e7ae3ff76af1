"""Tunes the garbage collector: full collections of a large state free nothing and take a fifth of the CPU time."""

import gc

YOUNG_OBJECTS = 150_000  # 700 by default: some events' worth. Records on their way alone are 50 000


def spare_the_state() -> None:
    """Call it before many states are created, and after partitions were recovered.

    States live long and contain no cycles: reference counting frees them; the collector is not needed. Objects that
    exist now are excluded from all later collections, and young objects are collected rarely. The cycles that exist
    (tasks, tracebacks) are small and still found.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
