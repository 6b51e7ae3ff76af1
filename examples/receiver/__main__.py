"""`python -m examples.receiver`: serves until Ctrl-C. Exit code 2 for a wrong setting."""

import sys

from pydantic import ValidationError

from ..serving import configure_logging, serve, settings_fault
from .app import create_app
from .settings import ReceiverSettings


def main() -> int:
    """Reads the environment and serves."""
    try:
        settings = ReceiverSettings()
    except ValidationError as error:
        print(settings_fault(error), file=sys.stderr)
        return 2
    configure_logging()
    return serve(create_app(settings), settings.host, settings.port, "RECEIVER_PORT")


if __name__ == "__main__":
    sys.exit(main())
