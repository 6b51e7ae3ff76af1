-- What callers have asked under an idempotency key, and what they were answered. A row is kept for a day.
-- depends: 0009.history-of-acts

create table if not exists episode_monitor.idempotency_keys (
    monitor_id text collate "C" not null,
    caller text collate "C" not null,
    key text collate "C" not null,
    digest bytea not null,
    token text not null,
    leased_until timestamptz not null,
    expires_at timestamptz not null,
    status smallint,
    headers jsonb,
    body bytea,
    primary key (monitor_id, caller, key)
);

create index if not exists idempotency_keys_by_end
    on episode_monitor.idempotency_keys (expires_at);
