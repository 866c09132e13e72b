"""Make `tsp/best_known.json` from a folder of instances with lists of optima.

    python benchmarks/make_best_known.py ../shared/data

The folder has `tsplib/`, `national/` and `atsp/`, each with an `optima.csv` (columns `name` and
`optimum`) beside the instances.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from tsp.best_known import DIGITS, TABLE
from tsp.files import write_text
from tsp.formats.tsplib import read_instance


def make_table(folder: Path) -> dict[str, tuple[str, int]]:
    """Fingerprint, name and optimum of every listed instance, by name."""
    table: dict[str, tuple[str, int]] = {}
    for part in ("tsplib", "national", "atsp"):
        with (folder / part / "optima.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                ending = ".atsp" if part == "atsp" else ".tsp"
                instance = read_instance(folder / part / f"{row['name']}{ending}")
                key = instance.fingerprint[:DIGITS]
                if key in table:
                    raise ValueError(f"{row['name']} has the content of {table[key][0]}")
                table[key] = (row["name"], int(row["optimum"]))
    return table


def main() -> None:
    """Write the table."""
    table = make_table(Path(sys.argv[1]))
    entries = sorted(table.items(), key=lambda item: item[1])
    lines = (f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in entries)
    write_text(TABLE, "{\n" + ",\n".join(lines) + "\n}\n", force=True)
    print(f"{TABLE}: {len(table)} instances")


if __name__ == "__main__":
    main()
