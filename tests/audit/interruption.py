"""Ctrl-C of a command that is blocked in a call of the system."""

import signal
import subprocess

PRESSES = 30


def pressed_ctrl_c(running: "subprocess.Popen[str]") -> tuple[str, str]:
    """Standard output and error of the command once Ctrl-C has ended it.

    A signal that comes between Python's last look for signals and a blocking call is seen only after that call
    (1 in 300), so Ctrl-C is pressed again, as a person does.
    """
    for _ in range(PRESSES):
        running.send_signal(signal.SIGINT)
        try:
            return running.communicate(timeout=2)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(f"Ctrl-C was pressed {PRESSES} times, and the command still runs")
