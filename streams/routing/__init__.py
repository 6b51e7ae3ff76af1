"""Which receivers an alert reaches, when they are muted, who is on call: values, and questions to them. No clock.

The dispatcher decides by them (`streams.dispatch`); `alerts routes` and `oncall show` answer from files alone.
"""
