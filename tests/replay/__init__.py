"""Tests of episode_monitor.replay."""
