"""What is fuzzed: each reader of the toolkit, with files to start from and the changes that suit them."""

from __future__ import annotations

import gzip
import json
import pickle
import tempfile
import time
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save

from envs.generators import generate_instances, generate_set, node_count
from envs.kool_sets import SETS, draw
from envs.routing_env import RoutingEnv
from policies.checkpoint import PolicyInfo, load_policy, read_tensors, save_policy
from policies.guide.network import EdgeNetwork, EdgeNetworkConfig, load_network, save_network
from policies.guide.training import Labelled, read_labels, write_labels
from policies.kool import read_kool_checkpoint, trained_size
from policies.laws.law import fit_law, load_law, save_law
from policies.policy import Policy, PolicyConfig
from policies.training.config import TrainConfig
from tsp.cli.settings import policy_settings
from tsp.composition import problem_of
from tsp.formats import read, read_plans, read_realizations, read_walls, write_instances
from tsp.formats.training_log import read_training_log
from tsp.formats.visit_log import Target as Quantity
from tsp.formats.visit_log import read_logs
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import check
from tsp.solvers.registry import make

from .mutations import (
    Change,
    change_gzip,
    change_json,
    change_npy,
    change_npz,
    change_pickle,
    change_safetensors,
    change_text,
)

if TYPE_CHECKING:
    from tsp.instance import Instance

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 2.0
"""Processor time that one input may take."""


@dataclass(frozen=True)
class Target:
    """A reader under test.

    Attributes:
        ending: of the file's name.
        seeds: makes the contents of files that it reads.
        read: reads a file, and uses what it read.
        change: random changes that suit the format.
        weight: its share of all inputs; slow readers have less.
    """

    ending: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    change: Change
    weight: float = 1.0


def fault(target: Target, path: Path) -> str | None:
    """Read a file: what is wrong with how that ended, or None. A refusal in one sentence with the file is right."""
    start = time.process_time()
    found = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)
            target.read(path)
    except ValueError as error:
        text = str(error)
        if "\n" in text.strip() or path.parent.name not in text:
            found = f"ValueError without the file or of several lines: {text[:300]!r}"
    except Exception as error:  # that is what is looked for
        found = f"{type(error).__name__}: {str(error)[:300]}"
    seconds = time.process_time() - start
    if found is None and seconds > SECONDS:
        found = f"{seconds:.1f} s of processor time"
    return found


def use_instances(path: Path, **options: Any) -> None:  # noqa: ANN401
    """Read instances and check a tour of each."""
    for instance in read(path, **options)[:3]:
        try:
            check(problem_of(instance), instance, [list(range(min(instance.size, 40)))])
        except ValueError as error:  # such as an instance without what its problem needs
            raise ValueError(f"{path}: {error}") from None


def as_problem(problem: str) -> Callable[[Path], None]:
    """Reads instances of a problem."""
    return lambda path: use_instances(path, problem=problem)


@cache
def small(problem: str) -> Instance:
    """An instance of six nodes."""
    size = 6 - node_count(get_problem(problem), 0)
    return replace(generate_instances(problem, "uniform", size, 1, 1)[0], name="a")


def use_plan(problem: str) -> Callable[[Path], None]:
    """Reads a plan of an instance of a problem, and checks it."""

    def work(path: Path) -> None:
        instance = small(problem)
        (plan,) = read_plans(path, [instance])
        check(problem_of(instance), instance, plan.tours, amounts=plan.amounts)

    return work


def beside_points(path: Path) -> None:
    """Reads a matrix beside a list of points."""
    points = path.with_name("points.csv")
    if not points.exists():
        points.write_text("name,x,y\na,0,0\nb,1,0\nc,0,1\n")
    read(points, matrix=path)


def use_settings(path: Path) -> None:
    """Reads the settings of a training, as `tsp train --config` does."""
    policy_settings(Namespace(config=str(path), resume=False, out="run"))


def use_run(path: Path) -> None:
    """Reads the configuration of a run that is resumed."""
    folder = path.with_name("run")
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_bytes(path.read_bytes())
    TrainConfig.read(folder)


def use_arguments(path: Path) -> None:
    """Reads the size in the arguments beside a checkpoint of Kool et al."""
    (path.with_name("args.json")).write_bytes(path.read_bytes())
    trained_size(path.with_name("epoch-99.pt"))


def use_spec(path: Path) -> None:
    """Makes a solver of a spec; the spec stands for the file's name in the refusal."""
    text = path.read_bytes().decode("utf-8", "replace")
    try:
        make(text)
    except ValueError as error:
        raise ValueError(f"{path.parent.name}: {error}") from None


def written(write: Callable[[Path], object], ending: str) -> bytes:
    """The content of the file that a function writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"seed{ending}"
        write(path)
        return path.read_bytes()


def sets() -> list[bytes]:
    """An NPZ set of each problem, with hidden values where there are some."""
    drawn = [generate_set(name, "uniform", 5, 2, 1) for name in PROBLEMS]
    return [written(lambda path, d=d: write_instances(path, d[0], d[1]), ".npz") for d in drawn]


def texts(ending: str, names: Iterable[str]) -> Callable[[], list[bytes]]:
    """Makes an instance of each problem as a text file."""

    def make_texts() -> list[bytes]:
        bare = {"capacity": None, "max_length": None, "min_prize": None, "num_tours": None, "problem": "tsp"}
        instances = [replace(small(name), **bare) for name in names]
        return [written(lambda path, i=i: write_instances(path, [i]), ending) for i in instances]

    return make_texts


def pickles() -> list[bytes]:
    """Pickled sets of Kool et al., of lists and of arrays."""
    out = [pickle.dumps([[[0.0, 0.5], [1.0, 0.25]]]), pickle.dumps(np.zeros((2, 3, 2)))]
    for problem, table in SETS.items():
        if problem == "tsp":
            continue
        arrays = draw(problem, next(iter(table)), 3)
        constants = () if "pctsp" in problem else (1.5,)
        lists = (*(array[0].tolist() for array in arrays.values()), *constants)
        out += [pickle.dumps([lists]), pickle.dumps([tuple(map(np.array, lists))], protocol=2)]
    return out


def policies() -> list[bytes]:
    """A small policy, without the checksum that would refuse every change."""
    config = PolicyConfig(layers=1, width=8, heads=2, feedforward=8)
    info = PolicyInfo("tsp", (5, 5))
    return [unsealed(lambda path: save_policy(path, Policy(config, RoutingEnv(get_problem("tsp"))), info))]


def guides() -> list[bytes]:
    """A small guide."""
    return [unsealed(lambda path: save_network(path, EdgeNetwork(EdgeNetworkConfig(layers=1, width=8)), {}))]


def laws() -> list[bytes]:
    """Laws of two models."""
    log = read_logs([EXAMPLES / "visits-log.csv"], Quantity.DURATION)
    return [unsealed(lambda path, m=model: save_law(path, fit_law(log, m, 1))) for model in ("pooled", "ridge")]


def unsealed(write: Callable[[Path], object]) -> bytes:
    """The content of a file of tensors without its checksum."""

    def work(path: Path) -> None:
        write(path)
        tensors, metadata = read_tensors(path)
        path.write_bytes(save(tensors, {k: v for k, v in metadata.items() if k != "sha256"}))

    return written(work, ".safetensors")


def checkpoints() -> list[bytes]:
    """A file of PyTorch that might be a checkpoint of Kool et al."""
    return [written(lambda path: torch.save({"model": {"init_embed.weight": torch.zeros(2, 2)}}, path), ".pt")]


def labels() -> list[bytes]:
    """Labelled instances of a guide's training."""
    one = Labelled(np.zeros((3, 2)), np.arange(3, dtype=np.int32))
    return [written(lambda path: write_labels(path, [one, one]), ".npz")]


def geojson() -> list[bytes]:
    """Points in GeoJSON."""
    point = {"type": "Feature", "id": 1, "properties": {"name": "a"}}
    near = {**point, "geometry": {"type": "Point", "coordinates": [10, 50]}}
    far = {**point, "geometry": {"type": "Point", "coordinates": [-170.5, -80, 3]}}
    far["properties"] = {"demand": 3, "opens": "9:00"}
    walk = {"type": "MultiPoint", "coordinates": [[0, 0], [1, 1]]}
    several = {"type": "FeatureCollection", "features": [near, far], "name": "x"}
    return [json.dumps(each).encode() for each in (several, walk, {"type": "GeometryCollection", "geometries": [walk]})]


def matrices() -> list[bytes]:
    """Tables of distances, with and without names."""
    return [
        b"0 1 2\n1 0 3\n2 3 0\n",
        b",a,b,c\na,0,1,2\nb,1,0,inf\nc,2,,0\n",
        b"0;1,5;1\n1,5;0;1\n1;1;0\n",
        b"0,1,5\n1,0,2\n5,2,0\n",
    ]


def packed() -> list[bytes]:
    """Text files packed with gzip."""
    return [gzip.compress(data, 1, mtime=0) for data in (*texts(".tsp", ["tsp"])(), b"0 1\n1 0\n")]


def settings() -> list[bytes]:
    """The settings of a training in TOML."""
    whole = (EXAMPLES / "train.toml").read_bytes()
    lines = [line for line in whole.decode().splitlines() if line and not line.startswith("# ")]
    return ["\n".join(lines).encode(), b'size = "20"\nminutes = 1.0\n[policy]\nlayers = 1\n']


EDGE_WEIGHTS = b"""NAME: a\nTYPE: TSP\nDIMENSION: 3\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: UPPER_ROW
DISPLAY_DATA_TYPE: TWOD_DISPLAY\nEDGE_WEIGHT_SECTION\n1 2\n3\nDISPLAY_DATA_SECTION\n1 0 0\n2 1 0\n3 0 1
FIXED_EDGES_SECTION\n1 2\n-1\nEOF\n"""
ROUTES = b"""NAME: r\nTYPE: CVRP\nDIMENSION: 4\nCAPACITY: 10\nVEHICLES: 2\nEDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION
1 0 0\n2 1 0\n3 0 1\n4 1 1\nDEMAND_SECTION\n1 0\n2 3\n3 4\n4 5\nDEPOT_SECTION\n1\n-1\nEOF\n"""
SCORES = b"""NAME: o\nTYPE: OP\nDIMENSION: 3\nCOST_LIMIT: 4\nEDGE_WEIGHT_TYPE: GEO
NODE_COORD_SECTION\n1 10.3 20\n2 10 21\n3 11 20\nNODE_SCORE_SECTION\n1 0\n2 5\n3 6\nDEPOT_SECTION\n1\n-1\nEOF\n"""
FLEET = b"""C101\n\nVEHICLE\nNUMBER     CAPACITY\n  25         200\n\nCUSTOMER
CUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME\n
    0      40         50          0          0       1236          0
    1      45         68         10        912        967         90\n"""
TABLES = [
    b"15\t1\n0.5\t0\t0\n1 0 0\n2 -7.25 30\n",
    b"n 3\nm 2\ntmax 7.5\n0.5\t0\t0\n2 -7.25 30\n1 0 0\n",
    b"4 10 2 1\n0 200\n 0 0.00 0.00 0.00 0.00 0 0 0 240\n 1 3.00 4.00 10.00 20.00 1 1 1 145 175\n"
    b" 2 1.00 1.00 5 7 4 2 1 8 10 12\n",
    b"7 2 3\n\n1000000 4 5\n\n0 1 2\n1 0 3\n2 3 0\n",
    b"# by hand\n3\n0 5 9\n5 7 4 # seven\n\n9 4 0\n0 100\n5 5\n9 \t 20  \n",
    b"0 0\n1 0.5\n2 2\n",
    b"1 0 0\n2 1 0.5\n3 2 2\n",
    FLEET,
]
PLACES = [
    b"name,lat,lon,prize,opens,closes,duration\na,52.1,13.2,0,9:00,17:30,0\nb,52.2,13.3,4,10:00,,5 min\n",
    b"x;y;demand;required;walk\n0;0;0;0;2\n1,5;2;3;1;4\n",
    b"name,x,y,opens,closes\na,0,0,2026-09-01 09:00,2026-09-02 10:00\nb,1,1,2026-09-01 09:30,\n",
    b"name,x,y,prize,duration,wait\nstart,0,0,,,\na,1,1,3,0.5|1:2,0\n",
]
PLAN = {"instance": "a", "tours": [[0, 1, 2], [0, 3, 4, 5]], "amounts": [[0, 1, 2], [0, 3, 4, 5]]}
TOURS = [
    b"NAME : a.tour\nTYPE : TOUR\nDIMENSION : 6\nTOUR_SECTION\n1\n3\n2\n4\n5\n6\n-1\nEOF\n",
    b"6\n0 2 1 4 3 5 \n",
    b"6 6\n0 2 20\n2 1 20\n1 4 15\n4 3 22\n3 5 23\n5 0 19\n",
    b"Route #1: 2 1\nRoute #2: 3 4 5\nCost 27591\n",
    b"tour,order,name,delivered\n0,0,1,0\n0,1,2,3\n1,0,1,0\n1,1,3,1.5\n",
    json.dumps({"solutions": [PLAN]}).encode(),
]
LOGS = [
    b"step,instances,seconds,train/loss,train/objective,val/objective\r\n0,0,0,nan,nan,9\r\n5,50,6.5,0.5,5,\r\n",
    b"step,seconds\n1,2\n",
]
SPECS = [
    *(b"nearest", b"ls(candidates=quadrant, neighbours=5)", b"nearest+2opt", b"policy(path=a.safetensors, samples=4)"),
    *(b"cpsat(workers=1)", b"guided-ls(neighbours=6)", b"means(solver=ls)", b"session-recourse(steps=200)"),
    b"ga(population=10, generations=5)",
]
PLAN_ENDINGS = {"tsp": ".tour", "cvrp": ".sol", "sdvrp": ".csv", "op": "", "tsptw": ".txt", "opst": ".json"}


def square(path: Path) -> None:
    """Writes a matrix of three nodes."""
    np.save(path, np.ones((3, 3)) - np.eye(3))


def visits() -> list[bytes]:
    """The first lines of a log of visits."""
    return [(EXAMPLES / "visits-log.csv").read_bytes()[:1530].rpartition(b"\n")[0]]


def use_visits(path: Path) -> None:
    """Reads a log of visits."""
    read_logs([path], Quantity.DURATION)


TARGETS: dict[str, Target] = {
    "tsplib": Target(
        ".tsp", lambda: [*texts(".tsp", ["tsp"])(), EDGE_WEIGHTS, ROUTES, SCORES], use_instances, change_text, 3
    ),
    "csv": Target(
        ".csv", lambda: [*texts(".csv", ("tsp", "cvrp", "op", "tsptw"))(), *PLACES], use_instances, change_text, 4
    ),
    "text": Target("", lambda: [*TABLES, *PLACES, *matrices(), ROUTES, *geojson()], use_instances, change_text, 3),
    **{
        f"text as {problem}": Target(".txt", lambda: TABLES, as_problem(problem), change_text)
        for problem in ("op", "optw", "tsptw", "pctsp", "cvrp")
    },
    "geojson": Target(".geojson", geojson, use_instances, change_json, 2),
    "matrix": Target(".csv", matrices, beside_points, change_text, 2),
    "matrix json": Target(
        ".json", lambda: [b"[[0, 1, 2], [3, 0, 4], [5, 6, 0]]", b"[[0, 1.5], [null, 0]]"], use_instances, change_json
    ),
    "npy": Target(".npy", lambda: [written(square, ".npy")], use_instances, change_npy),
    "gzip": Target(".tsp.gz", packed, use_instances, change_gzip),
    "npz": Target(".npz", sets, use_instances, change_npz),
    "hidden values": Target(".npz", lambda: sets()[-6:], read_realizations, change_npz, 0.5),
    "pickle": Target(".pkl", pickles, use_instances, change_pickle, 3),
    "pickle as op": Target(".pkl", pickles, as_problem("op"), change_pickle),
    "walls": Target(".csv", lambda: [(EXAMPLES / "poster-session.walls.csv").read_bytes()], read_walls, change_text),
    **{
        f"plan of {problem}": Target(ending, lambda: TOURS, use_plan(problem), change_text)
        for problem, ending in PLAN_ENDINGS.items()
    },
    "plan json": Target(".json", lambda: TOURS[-1:], use_plan("sdvrp"), change_json, 2),
    "visits": Target(".csv", visits, use_visits, change_text, 2),
    "settings": Target(".toml", settings, use_settings, change_text),
    "run": Target(".json", lambda: [TrainConfig(instances=8).to_json().encode()], use_run, change_json),
    "training log": Target(".csv", lambda: LOGS, read_training_log, change_text),
    "arguments": Target(".json", lambda: [b'{"graph_size": 20, "problem": "tsp"}'], use_arguments, change_json),
    "spec": Target(".txt", lambda: SPECS, use_spec, change_text, 0.05),
    "law": Target(".safetensors", laws, load_law, change_safetensors, 0.3),
    "policy": Target(".safetensors", policies, load_policy, change_safetensors, 0.15),
    "guide": Target(".safetensors", guides, load_network, change_safetensors, 0.3),
    "labels": Target(".npz", labels, read_labels, change_npz, 0.5),
    "checkpoint": Target(".pt", checkpoints, lambda path: read_kool_checkpoint(path, "tsp"), change_npz, 0.1),
}
"""By name; each name is a folder of `--out`, too."""
