"""Replays and backtests that are asked for over HTTP: each in a process of its own, one at a time in a worker."""
