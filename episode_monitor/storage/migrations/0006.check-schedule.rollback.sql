drop table if exists episode_monitor.check_schedule;

update episode_monitor.check_results set state = 'failed' where state = 'cancelled';

alter table episode_monitor.check_results drop constraint if exists check_results_state_check;

alter table episode_monitor.check_results add constraint check_results_state_check
    check (state in ('running', 'completed', 'failed'));
