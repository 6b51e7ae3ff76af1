"""Quix Streams: a stateful function over a dataframe; state in RocksDB, with the changelog topics it makes itself."""

import os
from typing import Any

from quixstreams import Application, State, message_context

from benchmarks.peers.programs.marks import Marks

marks = Marks()


def count(event: dict[str, Any], state: State) -> list[int]:
    """Events, failures, conflicts and the highest number, for the project that is the record's key."""
    events, failed, conflicted, highest = state.get("counts", [0, 0, 0, 0])
    counts = [
        events + 1,
        failed + (event["type"] == "episode.creation_failed"),
        conflicted + (event["type"] == "episode.creation_conflict"),
        max(highest, event.get("episode_number", 0)),
    ]
    state.set("counts", counts)
    context = message_context()
    marks.seen(context.partition, context.offset)
    return counts


def main() -> None:
    """Run until SIGTERM, which Quix Streams takes as the wish to commit and end."""
    app = Application(
        broker_address=os.environ["SERVERS"],
        consumer_group=os.environ["NAME"],
        auto_offset_reset="earliest",
        state_dir=os.environ["FOLDER"],
        loglevel="WARNING",
    )
    topic = app.topic(os.environ["TOPIC"], key_deserializer="str", value_deserializer="json")
    app.dataframe(topic).apply(count, stateful=True)
    app.run()


if __name__ == "__main__":
    main()
