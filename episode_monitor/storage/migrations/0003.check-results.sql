-- Integrity checks that ran or run. `updated_at` tells a running check from one whose worker is gone.
-- depends: 0002.delivery-ledger

create table if not exists episode_monitor.check_results (
    id text collate "C" primary key,
    kind text not null check (kind in ('basic', 'deep')),
    state text not null check (state in ('running', 'completed', 'failed')),
    started_at timestamptz not null,
    finished_at timestamptz,
    updated_at timestamptz not null,
    progress_done integer not null default 0 check (progress_done >= 0),
    progress_total integer check (progress_total >= 0),
    result jsonb,
    requested_by text not null
);

create index if not exists check_results_newest
    on episode_monitor.check_results (started_at desc, id desc);
