#!/usr/bin/env python
"""Train a policy: `python train.py …` is `tsp train …`."""

import sys

from tsp.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
