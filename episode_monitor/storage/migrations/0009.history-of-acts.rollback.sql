delete from episode_monitor.alert_transitions where kafka_partition is null;

alter table episode_monitor.alert_transitions alter column kafka_offset set not null;

alter table episode_monitor.alert_transitions alter column kafka_partition set not null;
