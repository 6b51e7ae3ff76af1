"""Reads the notifications topic, and hands each notification to the fan-out.

What is under way, what is committed and what is read again after a crash is as with transitions (`AlertConsumer`).
Whether something belongs to the past was decided by the dispatcher.
"""

import structlog

from agents.alerts.alert_consumer import AlertConsumer
from agents.alerts.read_positions import Track
from agents.dispatch.codecs import decode_notification
from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch

log = structlog.get_logger(__name__)


class NotificationConsumer(AlertConsumer):
    """Delivers what the dispatcher has decided."""

    def _take(self, number: int, track: Track, record: Record) -> None:
        track.next_offset = record.offset + 1
        is_unreadable = isinstance(record, UnreadableBatch)
        notification = None if is_unreadable else decode_notification(record.value)
        if notification is None:
            self.undecodable += 1
            log.error("a record of the notifications topic is none", partition=number, offset=record.offset)
        elif not track.was_done(record.offset):
            track.open.add(record.offset)
            self._fanout.accept_notification(notification, (track.generation, number, record.offset))
