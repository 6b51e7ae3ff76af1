"""Tests of episode_monitor.replay_jobs."""
