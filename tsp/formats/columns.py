"""The columns of a CSV file of nodes: their names, and other names that mean the same."""

from __future__ import annotations

import re

HEADINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "name": (("label",), "the node's name"),
    "id": (("cust_no", "customer_no", "customer_id", "node_id", "stop_id"), "the node's name, where there is no name"),
    "x": (("x_coord", "xcoord", "x_coordinate", "coord_x"), "coordinate"),
    "y": (("y_coord", "ycoord", "y_coordinate", "coord_y"), "coordinate"),
    "z": (("z_coord", "zcoord", "z_coordinate", "height", "elevation", "altitude"), "third coordinate"),
    "lat": (("latitude",), "latitude in degrees; distances are great circles in kilometres, or --unit"),
    "lon": (("lng", "long", "longitude"), "longitude in degrees"),
    "prize": (("prizes", "profit", "score", "reward"), "prize of a visit"),
    "penalty": (("penalties",), "cost of leaving the node out"),
    "demand": (("demands", "quantity", "qty", "amount", "parcels", "packages"), "amount to deliver"),
    "opens": (
        ("open", "ready", "ready_time", "earliest", "tw_start", "window_start", "start_time"),
        "the visit begins then or later; a number, a time of day or an ISO date with time",
    ),
    "closes": (
        ("close", "due", "due_time", "due_date", "latest", "tw_end", "window_end", "end_time"),
        "the visit begins then or before; empty: never closes",
    ),
    "duration": (
        ("service", "service_time", "service_times", "service_duration", "visit_time"),
        "duration of the visit; a number, or hours and minutes such as 0:20",
    ),
    "appears": (
        ("appears_at", "appears_from", "release", "release_time"),
        "when the node appears, or may appear at the earliest; empty: it is there from the beginning",
    ),
    "appears_by": (
        ("appears_until",),
        "when it appears at the latest, all times from appears on equally likely; empty: at appears",
    ),
    "chance_percent": (("chance_pct",), "the chance that it appears at all, a whole number; empty: 100"),
    "required": (("mandatory", "compulsory"), "1 for a node that must be visited where others may be left out"),
}
"""Name of a column → other names for it, and its meaning. Case, blanks, dots and hyphens in names do not count."""

_CANONICAL = {synonym: name for name, (synonyms, _) in HEADINGS.items() for synonym in (name, *synonyms)}


def canonical(heading: str) -> str:
    """The name in `HEADINGS` for a heading; any other heading in lower case."""
    word = re.sub(r"[\s._-]+", "_", heading.strip().lower()).strip("_")
    return _CANONICAL.get(word, heading.strip().lower())


def describe_columns() -> str:
    """The table of columns as text, as `tsp solve --help-columns` prints it."""
    lines = ["columns of a CSV file of nodes, and other names for them:", ""]
    for name, (synonyms, meaning) in HEADINGS.items():
        lines += [f"  {name:<14} {meaning}", f"  {'':<14} also: {', '.join(synonyms)}"]
    return "\n".join(lines)
