-- What the messages about each alert came to, for people: one row for each alert, message and sink.
-- depends: 0007.audit-checkpoints

create table if not exists episode_monitor.alert_deliveries (
    alert_key text collate "C" not null,
    message_id text not null,
    sink text not null,
    receiver text not null,
    outcome text not null,
    attempts integer not null check (attempts >= 0),
    last_error text,
    at timestamptz not null,
    primary key (alert_key, message_id, sink)
);

create index if not exists alert_deliveries_by_time on episode_monitor.alert_deliveries (at);
