"""Questions about the state of the fleet: one file each. `episode_monitor.fleet.ask` asks them."""
