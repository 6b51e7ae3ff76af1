"""The whole system as users run it: processes, sockets, signals."""
