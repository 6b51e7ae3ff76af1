"""What `./run test` leaves to `./run test --all`, and why each of it cannot be had in seconds; and what the run on
Apache Kafka leaves to the embedded broker. CI takes all."""

from collections.abc import Iterable, Mapping, Sequence

MINUTES, ALL_MINUTES = 6.5, 26  # on two cores, on the embedded broker

# Beginnings of test ids -> the reason.
SLOW = {
    "tests/browser": "a browser against whole systems",
    "tests/docs_commands/test_commands.py": "every command of the documents, beside whole systems",
    "tests/system": "whole systems of several processes, killed and started again",
    "tests/faults/test_hostile_input.py": "a worker under tens of thousands of hostile records",
    "tests/faults/test_dispatch_on_a_broker.py": "owners of the dispatcher, ended again and again",
    "tests/client/test_outbox_kills.py": "a service and its relays, killed again and again",
}

# The same, of tests that run only where they are asked for by name, because nothing may run beside them.
ALONE = {
    "tests/alertmanager_api/test_notifications_side_by_side.py": "a real Alertmanager, and when it notifies of what",
}

# The same, of tests that use a broker and are not about it. What they use of it, others try on Apache Kafka as well.
EMBEDDED_SUFFICES = {
    "tests/browser": "the page and HTTP",
    "tests/examples/test_load_driver.py": "the sample service; tests/client sends the same events",
    "tests/examples/test_numbering_of_episodes.py": "the sample service and its database",
    "tests/examples/test_project_service_over_http.py": "the sample service and its callers",
    "tests/examples/test_trouble_on_demand.py": "the sample service and its database",
    "tests/faults/test_hostile_input.py": "what records contain; tests/agents reads Kafka's own batches",
    "tests/replay/test_against_database_command.py": "the database; tests/replay reads the topic",
    "tests/system/test_amtool.py": "HTTP",
    "tests/system/test_check_taken_over.py": "the database and its locks",
    "tests/system/test_checks.py": "the database",
    "tests/system/test_commands.py": "what commands print",
    "tests/system/test_history_lives.py": "the database; tests/agents reads the alerts again",
    "tests/system/test_repair.py": "the database",
    "tests/system/test_repair_kill.py": "the database",
    "tests/system/test_openapi.py": "HTTP",
    "tests/system/test_replay_jobs.py": "processes and HTTP; tests/replay reads the topic",
    "tests/system/test_slack_buttons.py": "HTTP, by Slack's signature",
}


def left_out(chosen: Sequence[str], parts: Mapping[str, str] = SLOW) -> dict[str, str]:
    """Those of `parts` that do not run. `chosen` are the paths or ids that were asked for, relative to the tree; none
    of them: all tests. What is asked for by its own name runs."""
    named = {part for part in parts if any(lies_in(each, part) for each in chosen)}
    wanted = {part for part in parts if not chosen or any(lies_in(part, each) for each in chosen)}
    return {part: why for part, why in parts.items() if part in wanted - named}


def header(chosen: Sequence[str], *, is_all: bool) -> list[str]:
    """The first lines of a run: what runs, how long that takes, and what does not run."""
    left = left_out(chosen, ALONE if is_all else SLOW | ALONE)
    takes = "" if chosen else f", about {ALL_MINUTES if is_all else MINUTES} minutes on two cores"
    runs = " ".join(chosen) or "all"
    if not left:
        return [f"tests: {runs}{takes}"]
    names = [f"  {name}: {why}" for name, why in left.items()]
    which = "which run by name" if is_all else "which --all runs, or their name"
    return [f"tests: {runs} but these, {which}{takes}", *names]


def is_in(test_id: str, parts: Iterable[str]) -> bool:
    """Whether a test is one of those parts or lies in one."""
    return any(lies_in(test_id, part) for part in parts)


def lies_in(test_id: str, part: str) -> bool:
    """Whether a test or path is `part` or lies in it."""
    return part == "." or test_id == part or test_id.startswith((f"{part}/", f"{part}::", f"{part}["))
