"""Frozen values that cross every border of the monitor, and the strict codec that makes them from bytes.

Nothing here knows Kafka, Faust, HTTP or a clock.
"""
