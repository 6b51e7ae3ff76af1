"""What may be wrong with the project service's database, each in one sentence for people."""


class ServiceDatabaseError(Exception):
    """The message is one sentence: what, why, what next."""


class ServiceDatabaseAway(ServiceDatabaseError):
    """It cannot be reached, or went away in the middle."""


class ServiceTableMismatch(ServiceDatabaseError):
    """The table or a column that the settings name is not there, or has another type."""


class ServiceDatabaseRefused(ServiceDatabaseError):
    """It is read-only, or the account lacks a right."""
