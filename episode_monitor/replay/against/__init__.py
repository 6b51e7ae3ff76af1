"""A replay beside another statement of the same facts: the live monitor's states, or the project service's table."""
