#!/usr/bin/env python
"""Compare solvers, learned and classical: `python evaluate.py …` is `tsp compare …`."""

import sys

from tsp.cli import main

if __name__ == "__main__":
    sys.exit(main(["compare", *sys.argv[1:]]))
