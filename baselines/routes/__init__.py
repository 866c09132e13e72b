"""Searches and heuristics for every problem whose rules are numbers of a `RouteModel`.

The layers, lowest first: `model` (a problem as numbers), `state` (tours as arrays), `evaluation` (rules
and costs of tours), `edits` and `neighbours`, then `insertion`, `ruin`, `recreate`, `descent` and
`giant_tour`, and above them `search`.
"""
