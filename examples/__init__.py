"""Programs that stand beside the monitor: a service to watch, traffic for it, and somewhere for alerts to go.

Nothing here imports the monitor: they speak Kafka and HTTP to it, as strangers do.
"""
