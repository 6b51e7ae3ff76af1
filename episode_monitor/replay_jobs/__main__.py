"""The process of one job: `python -m episode_monitor.replay_jobs`, started by a worker with an order on its input."""

from episode_monitor import compiled

compiled.activate()

from episode_monitor.replay_jobs.child import main  # noqa: E402 - the core must not be imported before

if __name__ == "__main__":
    main()
