"""The delivery of alerts, against a real HTTP server on loopback that misbehaves on demand."""
