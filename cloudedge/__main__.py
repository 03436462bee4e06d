"""Run the command line as `python -m cloudedge`."""

from __future__ import annotations

from cloudedge.cli import main

if __name__ == "__main__":
    main()
