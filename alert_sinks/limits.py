"""What delivery may cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What delivery may cost. The queue limit holds for each sink."""

    queue_limit: int = 5000  # transitions waiting; beyond it the oldest is a dead letter
    concurrency: int = 4  # requests at a time
    give_up_seconds: float = 24 * 3600.0  # counted from acceptance; it begins anew when the monitor starts again
    close_seconds: float = 5.0  # for requests on their way, and again for dead letters, when the monitor stops
