drop table if exists episode_monitor.audit;

drop function if exists episode_monitor.refuse_audit_change();
