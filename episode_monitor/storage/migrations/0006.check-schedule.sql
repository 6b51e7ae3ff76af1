-- Who runs a check now and when the next is due, one row a kind: whoever changes the row has the right to run it.
-- A check can be cancelled.
-- depends: 0005.repair-plans

alter table episode_monitor.check_results drop constraint if exists check_results_state_check;

alter table episode_monitor.check_results add constraint check_results_state_check
    check (state in ('running', 'completed', 'failed', 'cancelled'));

create table if not exists episode_monitor.check_schedule (
    kind text primary key check (kind in ('basic', 'deep')),
    holder text not null,
    begun_at timestamptz not null,
    alive_at timestamptz not null,
    is_done boolean not null,
    attempts integer not null
);
