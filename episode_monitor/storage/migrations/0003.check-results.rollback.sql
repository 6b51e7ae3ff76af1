drop table if exists episode_monitor.check_results;
