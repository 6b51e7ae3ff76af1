"""Stock Faust: one agent, one table with its changelog, one event at a time, as its tutorial has it."""

import os

import faust

from benchmarks.peers.programs.marks import Marks

app = faust.App(
    os.environ["NAME"],
    broker=f"kafka://{os.environ['SERVERS']}",
    store="memory://",
    topic_partitions=int(os.environ["PARTITIONS"]),
    topic_replication_factor=1,
    web_enabled=False,
)


class EpisodeEvent(faust.Record, serializer="json"):
    """The fields that are counted."""

    type: str
    project_id: str
    episode_number: int = 0


events_topic = app.topic(os.environ["TOPIC"], value_type=EpisodeEvent)
counts = app.Table("counts", default=lambda: [0, 0, 0, 0])
marks = Marks()


@app.agent(events_topic)
async def count(stream: faust.StreamT[EpisodeEvent]) -> None:
    """Events, failures, conflicts and the highest number, for each project."""
    async for event in stream.events():
        value, message = event.value, event.message
        events, failed, conflicted, highest = counts[value.project_id]
        counts[value.project_id] = [
            events + 1,
            failed + (value.type == "episode.creation_failed"),
            conflicted + (value.type == "episode.creation_conflict"),
            max(highest, value.episode_number),
        ]
        marks.seen(message.partition, message.offset)
