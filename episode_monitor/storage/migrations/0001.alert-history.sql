-- Every transition of every alert, and how far each partition of the alerts topic is in here.
-- Written so that applying it again changes nothing: the applier marks a migration only after its transaction.

create table if not exists episode_monitor.alert_transitions (
    id bigint generated always as identity,
    transition_id text not null,
    alert_id text not null,
    alert_key text not null,
    project_id text not null,
    rule_id text not null,
    severity text not null check (severity in ('info', 'warning', 'critical')),
    status text not null check (status in ('pending', 'firing', 'resolved')),
    escalation_level integer not null,
    reason text not null,
    at timestamptz not null,
    kafka_partition integer not null check (kafka_partition >= 0),
    kafka_offset bigint not null check (kafka_offset >= 0),
    acted_by text,
    comment text,
    payload jsonb not null,
    stored_at timestamptz not null default now(),
    primary key (transition_id, reason, at)
);

create unique index if not exists alert_transitions_newest
    on episode_monitor.alert_transitions (at desc, id desc);

create index if not exists alert_transitions_project
    on episode_monitor.alert_transitions (project_id, at desc, id desc);

create index if not exists alert_transitions_alert
    on episode_monitor.alert_transitions (alert_key, at desc, id desc);

create index if not exists alert_transitions_rule
    on episode_monitor.alert_transitions (rule_id, at desc, id desc);

create table if not exists episode_monitor.history_progress (
    kafka_partition integer primary key,
    kafka_offset bigint not null
);
