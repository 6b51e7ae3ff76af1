"""What aiokafka's clients lack: an end in bounded time, a way back to a cluster that moved, and causes in words."""
