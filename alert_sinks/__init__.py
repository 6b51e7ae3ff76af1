"""Where alerts go: one file a destination, and the fan-out that brings every transition there.

`fanout.Fanout` is the entrance, `destinations.build_destinations` makes the sinks. Nothing here knows Kafka or a
database: what it must write elsewhere it hands to callbacks and to the `ledger.Ledger` it is given.
"""
