drop table if exists episode_monitor.deliveries;
