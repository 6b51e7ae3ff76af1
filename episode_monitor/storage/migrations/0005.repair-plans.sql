-- Repair plans: what they will do (plan) never changes, how far they are (progress) changes from revision to revision.
-- depends: 0004.audit

create table if not exists episode_monitor.repair_plans (
    plan_id text collate "C" primary key,
    project_id text not null,
    state text not null
        check (state in ('planned', 'applying', 'applied', 'rolling_back', 'rolled_back', 'stale')),
    unfinished boolean not null,
    created_by text not null,
    created_at timestamptz not null,
    acted_at timestamptz,
    updated_at timestamptz not null default now(),
    revision integer not null,
    plan jsonb not null,
    progress jsonb not null
);

create index if not exists repair_plans_unfinished
    on episode_monitor.repair_plans (created_at) where unfinished;

create index if not exists repair_plans_by_maker
    on episode_monitor.repair_plans (created_by, acted_at);

create index if not exists repair_plans_of_project
    on episode_monitor.repair_plans (project_id, created_at desc);

-- One row: whether a person has stopped automatic repair.
create table if not exists episode_monitor.repair_switch (
    one boolean primary key default true check (one),
    paused boolean not null,
    by text not null,
    at timestamptz not null default now()
);
