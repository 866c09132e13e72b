"""The objective terms in CP-SAT's model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .constraints import lengths_so_far, times_so_far

if TYPE_CHECKING:
    from collections.abc import Callable

    from ortools.sat.python import cp_model

    from .model import CPSATModel


def length(model: CPSATModel) -> cp_model.LinearExprT:
    """The length of all tours together."""
    return sum(circuit.total(model.legs) for circuit in model.circuits)


def longest(model: CPSATModel) -> cp_model.LinearExprT:
    """The length of the longest tour."""
    out = model.cp.new_int_var(0, int(model.legs.max(axis=1).sum()), "")
    for circuit in model.circuits:
        if not circuit.several:
            model.cp.add(out >= circuit.total(model.legs))
        elif model.instance.num_tours is not None:
            model.cp.add(model.instance.num_tours * out >= circuit.total(model.legs))
    if model.circuits[0].several:
        _add_maximum(model, out, lengths_so_far(model).ends)
    return out


def makespan(model: CPSATModel) -> cp_model.LinearExprT:
    """The time when the last tour ends."""
    windows, end = model.instance.time_windows, model.graph.end
    assert windows is not None
    opens = 0 if end is None else max(0, int(model.length.down(windows[end, 0])))
    times = times_so_far(model)
    out = model.cp.new_int_var(0, max(opens, times.most), "")
    _add_maximum(model, out, times.ends)
    _add_maximum(model, out, [(used, opens) for used, _ in times.ends])
    return out


def prize(model: CPSATModel) -> cp_model.LinearExprT:
    """The prizes collected."""
    assert model.instance.prizes is not None
    return model.collected(model.prize.up(model.instance.prizes))


def penalties(model: CPSATModel) -> cp_model.LinearExprT:
    """The penalties of the nodes that are left out."""
    assert model.instance.penalties is not None
    return model.missed(model.length.down(model.instance.penalties))


CPSAT_TERMS: dict[str, tuple[str, Callable[[CPSATModel], cp_model.LinearExprT]]] = {
    "length": ("min", length),
    "longest": ("min", longest),
    "makespan": ("min", makespan),
    "penalties": ("min", penalties),
    "prize": ("max", prize),
}
"""For each objective term its sense, and the function that gives it in steps that are no worse than its value."""


def _add_maximum(model: CPSATModel, out: cp_model.IntVar, ends: list[tuple[cp_model.IntVar, Any]]) -> None:
    """Make `out` at least the value at the end of each tour used."""
    for used, value in ends:
        model.cp.add(out >= value).only_enforce_if(used)
