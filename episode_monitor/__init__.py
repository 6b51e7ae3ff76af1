"""The composition root: settings, command line, web, storage and demo. Nothing below may import it."""

__version__ = "0.1.0"
