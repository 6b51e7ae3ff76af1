"""Starts the command line: `python -m episode_monitor` is the same as `episode-monitor`."""

from episode_monitor import compiled, exits

if __name__ == "__main__":  # and not in a process of its own that multiprocessing starts
    exits.begin_start()
compiled.activate()

from episode_monitor.cli import main  # noqa: E402 - the core must not be imported before

if __name__ == "__main__":
    main()
