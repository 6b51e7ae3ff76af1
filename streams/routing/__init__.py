"""Which receivers an alert reaches, when they are muted, who is on call: values, and questions to them. No clock.

Nothing uses this package yet: today `alert_sinks/routing.py` decides where alerts go.
"""
