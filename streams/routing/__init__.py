"""Which receivers an alert reaches, when they are muted, who is on call: values, and questions to them. No clock.

`alerts routes` and `oncall show` use it. No worker does yet: `alert_sinks/routing.py` decides where alerts go.
"""
