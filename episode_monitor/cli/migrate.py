"""`migrate`: makes the monitor's tables and grants, for deployments whose workers may not create anything."""

from episode_monitor.access import secret
from episode_monitor.cli.output import Json, print_json
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.settings import load_settings
from episode_monitor.storage import migrate as migrations
from episode_monitor.storage.address import Address
from episode_monitor.storage.troubles import TablesAreNewer, explain


def migrate(as_json: Json = False) -> None:
    """Create or update the tables at MONITOR_DATABASE_URL and grant them to the roles of workers and readers."""
    url = secret(load_settings().monitor_database_url)
    if url is None:
        raise Failure("MONITOR_DATABASE_URL is not set; set it to the address of the tables' owner.", ExitCode.USAGE)
    address = Address.parse(url)
    try:
        applied = migrations.apply(address)
        missing = migrations.grant(address)
    except Exception as error:
        code = ExitCode.REFUSED if isinstance(error, TablesAreNewer) else ExitCode.UNREACHABLE
        raise Failure(f"{explain(error, address).sentence}.", code) from None
    if as_json:
        print_json({"applied": applied, "missing_roles": missing})
        return
    print(f"Migrations applied: {', '.join(applied) or 'none, all were there'}.")
    for role in missing:
        print(f"The role {role} does not exist and could not be created; create it, and run this again.")
