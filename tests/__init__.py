"""The tests. They mirror the tree; what several of them need stands in `tests.support` and in `conftest.py`."""
