"""The same work done by others, on the same broker, over the same topic, in the same run: only ratios can be trusted."""
