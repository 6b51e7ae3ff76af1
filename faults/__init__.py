"""Fault injection: kills, freezes and cuts a running system, and judges what is left."""
