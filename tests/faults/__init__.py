"""Faults on purpose: workers are killed while events flow, and what is left is compared with the truth."""
