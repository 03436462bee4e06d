#!/usr/bin/env python3
"""Print the lowest version that setup.cfg allows of each package a user may get, as requirements for pip."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

config = ConfigParser()
config.read(Path(__file__).parent.parent / "setup.cfg")
extras = config["options.extras_require"]
for line in "\n".join([config["options"]["install_requires"], extras["watch"], extras["serve"]]).splitlines():
    if found := re.match(r"([\w-]+) *>=([\d.]+)[^;]*(.*)", line):
        print(f"{found[1]}=={found[2]}{found[3]}")
