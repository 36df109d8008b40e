"""A process with a child; both only sleep.  python -m tests.deployments.sleeper"""

import subprocess
import sys
import time

ASLEEP = "asleep, with a child that is "

if __name__ == "__main__":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"{ASLEEP}{child.pid}", end="", flush=True)
    time.sleep(600)
