drop table if exists episode_monitor.alert_deliveries;
