"""OR-Tools' routing solver: a first solution by construction, then local search under a metaheuristic.

It works on integers. Costs are rounded to the nearest; quantities that a rule limits are rounded so that every solution
of the model is feasible. The answer is evaluated with the instance's own numbers, so no rounding reaches the user.
Settings that the caller does not give come from `table.json`, which `benchmarks/tune_ortools.py` writes.
"""
