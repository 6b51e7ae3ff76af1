"""The readiness of several processes as that of one worker."""

from collections.abc import Mapping, Sequence

from models.process_views import DispatcherReadiness, Readiness

PART = "processes"


def together(known: Mapping[int, Readiness | None]) -> Readiness:
    """`known` maps each process's number to its readiness; None: it does not answer. At least one does.

    All must be ready. A part is `ok` where it is in all of them; else its sentences name the processes.
    """
    found = {number: each for number, each in sorted(known.items()) if each is not None}
    answers = list(found.values())
    missing = [number for number in sorted(known) if number not in found]
    names = dict.fromkeys(name for each in answers for name in each.parts)
    return Readiness(
        ready=not missing and all(each.ready for each in answers),
        parts={
            **{name: _words({number: each.parts.get(name, "ok") for number, each in found.items()}) for name in names},
            PART: _of_missing(missing, len(known)),
        },
        lag=None if missing else _lag(answers),
        recovery=_recovery(answers),
        partitions=sorted((one for each in answers for one in each.partitions), key=lambda one: one.partition),
        dispatcher=_dispatcher([each.dispatcher for each in answers if each.dispatcher is not None]),
        late_events=sum(each.late_events for each in answers),
    )


def _words(said: Mapping[int, str]) -> str:
    by_sentence: dict[str, list[int]] = {}
    for number, word in said.items():
        if word != "ok":
            by_sentence.setdefault(word, []).append(number)
    if list(by_sentence.values()) == [list(said)]:  # all say the same
        return next(iter(by_sentence))
    return " ".join(f"Process {_and(numbers)}: {word}" for word, numbers in by_sentence.items()) or "ok"


def _and(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _of_missing(missing: Sequence[int], count: int) -> str:
    if not missing:
        return "ok"
    return (
        f"{len(missing)} of {count} processes do not answer (number {_and(missing)}); those that end are started again."
    )


def _lag(answers: Sequence[Readiness]) -> int | None:
    lags = [each.lag for each in answers if each.lag is not None]
    return sum(lags) if len(lags) == len(answers) else None


def _recovery(answers: Sequence[Readiness]) -> dict[str, float | int | bool]:
    partitions = int(sum(each.recovery["partitions"] for each in answers))
    live = int(sum(each.recovery["partitions_live"] for each in answers))
    return {
        "complete": partitions > 0 and partitions == live,
        "partitions": partitions,
        "partitions_live": live,
        "records_read": int(sum(each.recovery["records_read"] for each in answers)),
        "seconds": max(each.recovery["seconds"] for each in answers),
    }


def _dispatcher(known: Sequence[DispatcherReadiness]) -> DispatcherReadiness | None:
    """As its owner knows it, if that is one of the processes; else as the one whose copy is newest does."""
    return min(known, key=lambda each: (not each.is_this_worker, each.copy_lag), default=None)
