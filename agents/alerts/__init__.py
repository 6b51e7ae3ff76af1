"""The alerts topic as it is read: deliveries, positions, history."""
