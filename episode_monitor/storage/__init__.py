"""The monitor's own tables: alert history, delivery ledger, check results and audit.

PostgreSQL may be away at any time: writes wait in memory and are written later, in order and once; reads say that they
cannot answer. Nothing here may make the tracking of events wait.
"""
