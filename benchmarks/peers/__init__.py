"""The same work done by others: same broker, same topic, same run, for only ratios within one run can be trusted."""
