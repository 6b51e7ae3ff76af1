"""Unit tests of rules: events in a short notation, and the alerts expected at given times."""
