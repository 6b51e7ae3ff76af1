drop table if exists episode_monitor.repair_switch;

drop table if exists episode_monitor.repair_plans;
