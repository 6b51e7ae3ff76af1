"""Equal work: other frameworks with the monitor's job as near as each can do it, checked against plain Python."""
