"""Traffic for the sample project service, and a generator of the same events for tests that need no service."""
