"""Audits: the ledger's checkpoints against the topic and its copies, and what is exported for auditors. Only reads."""
