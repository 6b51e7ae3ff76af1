"""Tunes the garbage collector: full collections of a large state free nothing and take a fifth of the CPU time."""

import gc

YOUNG_OBJECTS = 150_000  # 700 by default: some events' worth. Records on their way alone are 50 000


def spare_the_state() -> None:
    """To be called before states are made in masses, and when partitions have just been recovered.

    States live long and hold no cycles, so they go free of reference counts alone; where the core is compiled
    the collector does not even know most of their objects. Whatever exists now is left out of all later collections,
    and those of young objects come rarely. What real cycles there are (tasks, tracebacks) are small and still found.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
