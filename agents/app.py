"""Makes the Faust app: its broker, its transport, its two agents. Everything it takes to decide is in the core."""

from typing import Any

import faust
from faust.types import TP
from faust.types.transports import ConsumerT
from yarl import URL

from agents.config import AgentsConfig
from agents.deliver import Delivery
from agents.engine.engine import Engine
from agents.engine.transport import Consumer, RecordBatch, Transport

MAX_POLL_RECORDS = 2_000
BUFFERED_BATCHES = 2  # a stream; more would only delay what another topic brings


class MonitorApp(faust.App):
    """A Faust app whose consumer asks the engine and the delivery where to read and what to commit."""

    engine: Engine
    delivery: Delivery

    def _new_consumer(self) -> ConsumerT:
        consumer = super()._new_consumer()
        assert isinstance(consumer, Consumer)
        consumer.start_position = self.start_position
        consumer.commit_position = self.commit_position
        consumer.hold = self.is_held
        self.engine.consumer = consumer
        return consumer

    def _is_events(self, tp: TP) -> bool:
        return bool(tp.topic == self.engine.events_topic)

    def start_position(self, tp: TP) -> int | None:
        """Where to read from; None: the committed offset, or the beginning."""
        if self._is_events(tp):
            return self.engine.start_position(tp)
        return self.delivery.start_position(tp, self.engine.committed_offset(tp))

    def commit_position(self, tp: TP) -> int | None:
        """What may be committed; None: nothing."""
        return self.engine.commit_position(tp) if self._is_events(tp) else self.delivery.commit_position(tp)

    def is_held(self, tp: TP) -> bool:
        """Whether a partition is not to be read yet."""
        return self.engine.is_held(tp) if self._is_events(tp) else False


def create_app(config: AgentsConfig, engine: Engine, delivery: Delivery) -> MonitorApp:
    """The app with both agents registered. Start it on the running loop."""
    app = MonitorApp(
        config.monitor_id,
        broker=[URL(f"kafka://{server.strip()}") for server in config.bootstrap_servers.split(",")],
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        datadir=config.state_dir,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        broker_max_poll_records=MAX_POLL_RECORDS,
        broker_session_timeout=config.session_timeout_seconds,
        broker_rebalance_timeout=config.rebalance_timeout_seconds,
        broker_heartbeat_interval=min(3.0, config.session_timeout_seconds / 3),
        broker_commit_interval=1.0,
        broker_request_timeout=max(40.0, config.session_timeout_seconds + 1),
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_BATCHES,
        reply_create_topic=False,
    )
    app.engine, app.delivery = engine, delivery
    app.transport = Transport([URL(f"kafka://{config.bootstrap_servers}")], app)
    _register(app, config, engine, delivery)
    return app


def _register(app: MonitorApp, config: AgentsConfig, engine: Engine, delivery: Delivery) -> None:
    raw: Any = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    events, alerts = app.topic(config.topics.events, **raw), app.topic(config.topics.alerts, **raw)

    @app.agent(events, name="track", concurrency=1)
    async def track(stream: Any) -> None:
        async for event in stream.noack().events():
            await engine.take(_batch(event))

    @app.agent(alerts, name="deliver", concurrency=1)
    async def deliver(stream: Any) -> None:
        async for event in stream.noack().events():
            delivery.take(_batch(event))

    @app.on_partitions_revoked.connect
    async def revoked(*_: Any, **__: Any) -> None:
        engine.revoke()
        delivery.revoke()

    @app.on_partitions_assigned.connect
    async def assigned(*args: Any, **__: Any) -> None:
        partitions: set[TP] = args[1]
        generation = app.consumer_generation_id
        engine.assign(sorted(tp.partition for tp in partitions if tp.topic == config.topics.events), generation)
        delivery.assign(sorted(tp.partition for tp in partitions if tp.topic == config.topics.alerts), generation)


def _batch(event: Any) -> RecordBatch:
    message = event.message
    assert isinstance(message, RecordBatch)
    return message
