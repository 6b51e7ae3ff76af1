"""One of several processes of a worker, with the faults of its environment. usage: seated_entry.py --seat FD"""

import os
import sys

from episode_monitor.supervising.seat import Line
from faults.worker_entry import run

if __name__ == "__main__":
    run(os.environ, Line(int(sys.argv[2])))
