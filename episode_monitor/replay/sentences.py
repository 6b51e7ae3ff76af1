"""What reading a topic or a file raises, as a sentence with an exit code."""

from collections.abc import Awaitable
from typing import TypeVar

from agents.kafka.access import KafkaAccess
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.lines import UnreadableFile
from episode_monitor.replay.ranges import BadRange
from episode_monitor.replay.source import NoSuchPartition

T = TypeVar("T")


async def with_sentences(work: Awaitable[T], kafka: KafkaAccess) -> T:
    """What the work gives. Raises Failure, and OSError of a file."""
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why

    try:
        return await work
    except KafkaError as error:
        raise Failure(await why(error, kafka), ExitCode.UNREACHABLE) from None
    except (NoSuchPartition, UnreadableFile, BadRange) as error:
        raise Failure(str(error), ExitCode.USAGE) from None
