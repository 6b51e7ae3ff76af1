"""Alertmanager's HTTP API v2 over the dispatcher's state, for amtool and for dashboards that read that API."""
