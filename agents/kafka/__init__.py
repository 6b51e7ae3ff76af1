"""Extends aiokafka's clients: closing in bounded time, reconnecting to a moved cluster, failures in words."""
