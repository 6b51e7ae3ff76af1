"""Starts the command line: `python -m episode_monitor` is the same as `episode-monitor`."""

from episode_monitor import compiled

compiled.activate()

from episode_monitor.cli import main  # noqa: E402 - the core must not be imported before

if __name__ == "__main__":
    main()
