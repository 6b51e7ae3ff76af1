"""Repair as the HTTP face sees it: what people do, and what happens by itself."""

from typing import NamedTuple

from episode_monitor.repair.automatic import AutomaticRepairs
from episode_monitor.repair.repairs import Repairs


class RepairDesk(NamedTuple):
    """Both share plans, settings and database."""

    repairs: Repairs
    automatic: AutomaticRepairs
