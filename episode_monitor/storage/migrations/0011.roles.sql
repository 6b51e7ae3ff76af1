-- Two roles without a login: what a worker needs, and what a reader needs. Where the role that migrates may not create
-- them, an administrator does so; `episode-monitor migrate` then grants again. A later migration with a new table grants
-- it to them as well.
-- depends: 0010.idempotency-keys

do $$
declare
    wanted text;
begin
    foreach wanted in array array['episode_monitor_worker', 'episode_monitor_reader'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                when insufficient_privilege then null;
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'episode_monitor_worker') then
        grant usage on schema episode_monitor to episode_monitor_worker;
        grant select, insert, update, delete on all tables in schema episode_monitor to episode_monitor_worker;
        revoke update, delete on episode_monitor.audit, episode_monitor.audit_checkpoints from episode_monitor_worker;
        revoke insert, update, delete on episode_monitor._yoyo_migration from episode_monitor_worker;
        grant usage on all sequences in schema episode_monitor to episode_monitor_worker;
    end if;
    if exists (select from pg_roles where rolname = 'episode_monitor_reader') then
        grant usage on schema episode_monitor to episode_monitor_reader;
        grant select on all tables in schema episode_monitor to episode_monitor_reader;
        revoke select on episode_monitor.idempotency_keys from episode_monitor_reader;
    end if;
end
$$;
