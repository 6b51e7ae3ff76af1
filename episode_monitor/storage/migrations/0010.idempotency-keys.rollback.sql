drop table if exists episode_monitor.idempotency_keys;
