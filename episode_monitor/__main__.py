"""Starts the command line: `python -m episode_monitor` is the same as `episode-monitor`."""

from episode_monitor.cli import main

if __name__ == "__main__":
    main()
