drop table if exists episode_monitor.audit_checkpoints;
