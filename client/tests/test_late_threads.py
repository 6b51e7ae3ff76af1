"""What a loop hands to threads is done even when the process is ending."""

import subprocess
import sys

import pytest

from episode_monitor_client.late_threads import LateThreads

AT_EXIT = """
import asyncio, atexit
from episode_monitor_client.late_threads import LateThreads

async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(LateThreads())
    print(await loop.run_in_executor(None, lambda: 6 * 7), flush=True)

def end():
    try:
        asyncio.run(main())
    except RuntimeError as error:  # Python 3.12 and newer start no thread that would end the others
        print(error)

atexit.register(end)
"""


def test_a_loop_at_the_end_of_a_process_gets_its_result() -> None:
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("42\n")


def test_while_the_process_runs_a_thread_does_it_and_errors_come_back() -> None:
    with LateThreads() as threads:
        assert threads.submit(int, "7").result() == 7
        with pytest.raises(ValueError, match="seven"):
            threads.submit(int, "seven").result()
