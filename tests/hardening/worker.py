"""Classify the files whose paths come on standard input, one JSON text a line, and say what each has cost.

It runs in a process of its own, so that whatever a file does to it is seen from outside.
"""

from __future__ import annotations

import json
import sys
import time

from cloudedge import CloudClassifier


def memory(name: str) -> float:
    """Return a figure of this process, in MiB."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith(name)) / 1024


def main(model: str) -> None:
    classifier = CloudClassifier(model, threads=1)
    for line in sys.stdin:
        path = json.loads(line)
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")  # the peak starts anew from what is in use now
        before, began = memory("VmRSS"), time.process_time()
        (result,) = classifier.classify_many([path])
        seconds = time.process_time() - began  # of computing, whatever else the machine does
        cost = {"seconds": seconds, "mebibytes": max(0.0, memory("VmHWM") - before)}
        print(json.dumps({"row": result.to_dict(), **cost}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
