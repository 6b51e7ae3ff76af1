"""The whole system on one machine, from wheels alone. Nothing here is for production."""
