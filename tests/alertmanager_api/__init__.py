"""Alertmanager's API, compared with a real Alertmanager."""
