"""The command line. Data goes to standard output, progress and errors to standard error."""

from episode_monitor.cli.app import main

__all__ = ["main"]
