-- What was already told to whom: one row for each transition and sink.
-- depends: 0001.alert-history

create table if not exists episode_monitor.deliveries (
    transition_id text not null,
    sink text not null,
    outcome text not null,
    attempts integer not null check (attempts >= 0),
    at timestamptz not null,
    primary key (transition_id, sink)
);
