"""What people do about deliveries: try a receiver, and handle dead letters."""
