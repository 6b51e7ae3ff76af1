"""Brings an existing installation in: every row of the project service's table is stated as an event."""
