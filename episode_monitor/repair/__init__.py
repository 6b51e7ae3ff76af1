"""Repair of episode numbers: planned first, approved, applied in one transaction, announced, verified, taken back."""
