"""The tests. They mirror the tree; what several of them need stands in `testbed` and in `conftest.py`."""
