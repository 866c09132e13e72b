# %% [markdown]
# # A day of deliveries
#
# Three vans, 24 customers with opening hours, driving times from a road router: the day of the page "Ten minutes with
# your own file", from Python. It takes about ten seconds.
#
# Run it as a script in the toolkit's folder, `python examples/notebooks/deliveries.py`, or open it as a notebook in an
# editor that knows `# %%` cells, such as VS Code, PyCharm or Jupyter with jupytext.

# %%
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import tsp
from tsp.formats import write_solution
from tsp.instance import Underway

# %% [markdown]
# ## The instance
#
# The CSV file has places, demands, opening hours and the duration of visits. The router's table has driving times in
# seconds; times of day count in minutes.

# %%
folder = Path("runs/deliveries")
folder.mkdir(parents=True, exist_ok=True)
table = json.loads(Path("examples/deliveries-osrm.json").read_text(encoding="utf-8"))
np.save(folder / "minutes.npy", np.array(table["durations"], dtype=float) / 60)

places = tsp.read("examples/deliveries.csv", problem="cvrptw", matrix=folder / "minutes.npy")
day = replace(places, capacity=40, num_tours=3)
print(f"{day.size - 1} customers, {day.demands.sum():.0f} crates")

# %% [markdown]
# ## The plan
#
# A last line `plan` in a cell shows the picture and the itinerary; `plan.to_dataframe()` is a table of pandas.

# %%
plan = tsp.solve(day, time_limit=1)
plan.plot(folder / "plan.svg", force=True)
print(f"{plan.objective:.1f} minutes of driving, at least {plan.bound:.1f} are needed")
stops = plan.to_columns()
for tour, name, arrive in zip(stops["tour"], stops["name"], stops["arrive"], strict=True):
    print(f"tour {tour}: {arrive} {name}")

# %% [markdown]
# ## How many vans, of what size?
#
# Each answer is checked. Where there is none, the reasons say why, as far as that is proved.

# %%
for vans, crates in ((2, 40), (2, 60), (3, 40), (4, 30)):
    answer = tsp.solve(replace(day, num_tours=vans, capacity=crates), time_limit=0.5)
    found = f"{answer.objective:.1f} minutes" if answer.feasible else "; ".join(answer.reasons)
    print(f"{vans} vans of {crates} crates: {found}")

# %% [markdown]
# ## Under way
#
# At five past eight the first van has made two visits. Which are those of the new plan?

# %%
node = {name: k for k, name in enumerate(day.names)}
begun = Underway((node["Hospital Station"], node["Hospital Field"]), elapsed=8 * 60 + 5)
later = tsp.solve(replace(day, underway=begun), time_limit=1)
print("the first van:", " → ".join(day.names[k] for k in later.tours[0]))

# %% [markdown]
# ## Hand it over

# %%
write_solution(folder / "plan.csv", day, plan, force=True)
print(f"the plan is in {folder / 'plan.csv'}, for a spreadsheet")
