"""Registers every scenario of infrastructure."""

from tests.faults import infra_broker, infra_changelog, infra_clock, infra_database, infra_receivers

__all__ = ["infra_broker", "infra_changelog", "infra_clock", "infra_database", "infra_receivers"]
