"""In place of a worker: it does what its supervisor expects and notes in FOLDER/journal what happens to it.

usage: stand_in.py FOLDER --seat FD
Where FOLDER/code-N exists, number N ends at once with the code that is in there.
"""

import os
import signal
import sys
import time
from pathlib import Path

from episode_monitor.supervising.seat import IS_READY, TAKES_SIGNALS, Line


def main() -> None:
    """Runs until SIGTERM."""
    folder, line = Path(sys.argv[1]), Line(int(sys.argv[3]))
    number = line.seat.number

    def note(word: str) -> None:
        with open(folder / "journal", "a") as journal:
            journal.write(f"{number} {word} {os.getpid()}\n")

    def stop(*_: object) -> None:
        note("stopped")
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, lambda *_: note("reloaded"))
    note("replaced" if line.seat.is_replacement else "started")
    code = folder / f"code-{number}"
    if code.exists():
        os._exit(int(code.read_text()))
    line.say(TAKES_SIGNALS)
    line.say(IS_READY)
    while True:
        time.sleep(60.0)


main()
