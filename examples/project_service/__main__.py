"""`python -m examples.project_service`: serves until Ctrl-C. Exit code 2 for a wrong setting."""

import sys

from pydantic import ValidationError

from episode_monitor_client import SettingsError

from ..serving import configure_logging, serve, settings_fault
from .app import create_app
from .settings import Settings


def main() -> int:
    """Reads the environment and serves."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # the environment gives the rest
    except ValidationError as error:
        print(settings_fault(error), file=sys.stderr)
        return 2
    configure_logging()
    try:
        app = create_app(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return serve(app, settings.host, settings.port, "PROJECT_SERVICE_PORT")


if __name__ == "__main__":
    sys.exit(main())
