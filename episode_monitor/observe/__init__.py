"""How the monitor itself is seen: metrics, readiness, logs."""
