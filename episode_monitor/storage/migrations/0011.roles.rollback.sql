do $$
declare
    present text;
begin
    for present in select rolname from pg_roles where rolname in ('episode_monitor_worker', 'episode_monitor_reader') loop
        execute format('revoke all on all tables in schema episode_monitor from %I', present);
        execute format('revoke all on all sequences in schema episode_monitor from %I', present);
        execute format('revoke all on schema episode_monitor from %I', present);
    end loop;
end
$$;
