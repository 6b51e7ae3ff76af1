-- What the dispatcher does with an alert (acts of people, escalation) is in the history as well. It is no record of the alerts
-- topic, so it has no place there.
-- depends: 0008.alert-deliveries

alter table episode_monitor.alert_transitions alter column kafka_partition drop not null;

alter table episode_monitor.alert_transitions alter column kafka_offset drop not null;
