drop table if exists episode_monitor.history_progress;

drop table if exists episode_monitor.alert_transitions;
