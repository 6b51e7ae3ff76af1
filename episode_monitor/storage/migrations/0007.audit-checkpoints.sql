-- Audit checkpoints as the audit's topic has them, byte for byte. Rows can be added and never changed or removed. A chain
-- that begins anew has the sequences of the former one again, so a row is known by the hash that the next one is linked to.
-- depends: 0006.check-schedule

create table if not exists episode_monitor.audit_checkpoints (
    link text collate "C" primary key,
    monitor_id text not null,
    topic text not null,
    partition integer not null,
    sequence bigint not null,
    offset_from bigint not null,
    offset_to bigint not null,
    records bigint not null,
    state_digest text,
    at timestamptz not null,
    checkpoint bytea not null,
    stored_at timestamptz not null default now()
);

create index if not exists audit_checkpoints_by_offset
    on episode_monitor.audit_checkpoints (monitor_id, topic, partition, offset_from);

create or replace trigger audit_checkpoints_are_append_only
    before update or delete or truncate on episode_monitor.audit_checkpoints
    for each statement execute function episode_monitor.refuse_audit_change();
