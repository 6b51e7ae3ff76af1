"""Acts that change the state of a partition: one file each, all by `episode_monitor.fleet.transaction`."""
