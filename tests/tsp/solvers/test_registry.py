import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from fake_solvers import RECTANGLE, TSP

from tsp.budget import Budget
from tsp.solvers import Chain, Solver, registry
from tsp.solvers.registry import SolverCall, known_solvers, make, parse, split, verify_packages

if TYPE_CHECKING:
    from pathlib import PurePath


class Fake:
    def __init__(
        self,
        samples: int = 1,
        temperature: "float | None" = 1.0,
        decoding: Literal["greedy", "sampling"] = "greedy",
        starts: Literal[1, 8] | None = None,
        exact: bool = False,
        path: "Path | None" = None,
        label: str | int | None = None,
        *,
        device: str = "cpu",
        model: "PurePath | None" = None,  # known to type checkers alone
        hook: object = None,
    ):
        if samples < 1:
            raise ValueError(f"samples: {samples}, expected 1 or more")
        self.options = {k: v for k, v in locals().items() if k != "self"}
        self.name = "fake"


class Demanding:
    name = "demanding"

    def __init__(self, path: str):
        self.path = path


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    monkeypatch.setitem(registry.SOLVERS, "fake", f"{__name__}:Fake")
    monkeypatch.setitem(registry.SOLVERS, "demanding", f"{__name__}:Demanding")


def test_a_spec_is_a_name_options_or_a_chain():
    assert parse("policy") == [SolverCall("policy", {}, "policy")]
    assert parse(" policy( decoding = sampling , samples=64 ) ") == [
        SolverCall("policy", {"decoding": "sampling", "samples": "64"}, "policy( decoding = sampling , samples=64 )")
    ]
    assert parse("policy()+2opt") == [SolverCall("policy", {}, "policy()"), SolverCall("2opt", {}, "2opt")]


def test_quotes_and_parentheses_keep_separators_together():
    assert parse("policy(path='runs/a+b, c (1)/x')")[0].options == {"path": "runs/a+b, c (1)/x"}
    assert parse("policy(path=runs/a+b(1)/x)")[0].options == {"path": "runs/a+b(1)/x"}


def test_specs_are_split_at_top_level_commas_only():
    specs = "policy(decoding=sampling, samples=64), ortools,policy+2opt"
    assert split(specs) == ["policy(decoding=sampling, samples=64)", "ortools", "policy+2opt"]


@pytest.mark.parametrize(
    "spec",
    ["", " ", "+", "fake+", "+fake", "fake(", "fake(samples=1", "fake)", "fake)(", "(samples=1)", "fake(samples=1)x",
     "fake(samples)", "fake(samples=)", "fake(=1)", "fake(,)", "fake(samples=1,)", "fake(samples=1, samples=2)",
     "fake(path='x)", "fake(samples=1)(exact=true)"],
)  # fmt: skip
def test_an_invalid_spec_is_refused_in_a_sentence_that_repeats_it(spec):
    with pytest.raises(ValueError, match=r"^solver spec .+: ") as caught:
        parse(spec)
    assert repr(spec) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("specs", ["", "fake,", ",fake", "fake,,fake", "fake(,fake"])
def test_a_list_of_specs_with_an_empty_item_is_refused(specs):
    with pytest.raises(ValueError, match=r"^solver spec"):
        split(specs)


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [
        ("samples=64", "samples", 64),
        ("temperature=0.5", "temperature", 0.5),
        ("temperature=2", "temperature", 2.0),
        ("temperature=none", "temperature", None),
        ("decoding=sampling", "decoding", "sampling"),
        ("starts=8", "starts", 8),
        ("exact=true", "exact", True),
        ("exact=No", "exact", False),
        ("path=runs/x", "path", Path("runs/x")),
        ("device='cuda'", "device", "cuda"),
        ("label=3", "label", 3),
        ("label=none", "label", None),
        ("label=three", "label", "three"),
    ],
)
def test_options_are_converted_by_their_annotations(text, option, value):
    found = make(f"fake({text})").options[option]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("fakes", r"unknown solver 'fakes'; did you mean 'fake'\? \(there are: .*ortools.*\)"),
        ("ORTOLS", r"did you mean 'ortools'\?"),
        (
            "fake(sample=3)",
            r"unknown option of solver 'fake' 'sample'; did you mean 'samples'\? \(there are: samples, ",
        ),
        ("fake(hook=3)", "unknown option of solver 'fake' 'hook'"),
        ("fake(model=3)", "unknown option of solver 'fake' 'model'"),
        ("fake(samples=many)", "solver 'fake': samples=many, expected a whole number"),
        ("fake(samples=1.5)", "expected a whole number"),
        ("fake(temperature=nan)", "solver 'fake': temperature=nan, expected a finite number or none"),
        ("fake(decoding=gredy)", "solver 'fake': decoding=gredy, expected greedy or sampling"),
        ("fake(starts=2)", "expected 1 or 8 or none"),
        ("fake(exact=maybe)", "expected true or false"),
        ("fake(samples=0)", r"solver 'fake\(samples=0\)': samples: 0, expected 1 or more"),
        ("demanding", "solver 'demanding' needs the option path"),
        ("fake+nothing", "unknown solver 'nothing'"),
    ],
)
def test_a_wrong_spec_is_explained_in_a_sentence(spec, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        make(spec)
    assert "\n" not in str(caught.value)


def test_the_name_of_a_solver_is_its_spec_as_typed():
    assert make(" fake(samples = 2) ").name == "fake(samples = 2)"
    chain = make("fake(samples=2) + fake")
    assert isinstance(chain, Chain)
    assert chain.name == "fake(samples=2) + fake"
    assert [stage.name for stage in chain.stages] == ["fake(samples=2)", "fake"]


def test_context_is_given_to_solvers_with_such_a_parameter_unless_the_spec_sets_it():
    assert make("fake", device="cuda", seed=3).options["device"] == "cuda"
    assert make("fake(device=cpu)", device="cuda").options["device"] == "cpu"
    assert make("demanding", path="x", device="cuda").path == "x"


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "needs_elkai.py").write_text("import elkai")
    (tmp_path / "needs_other.py").write_text("import a_package_that_nobody_has")
    (tmp_path / "is_broken.py").write_text("from math import no_such_thing")
    (tmp_path / "is_empty.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "elkai", None)
    for module in ("needs_elkai", "needs_other", "is_broken", "is_empty"):
        monkeypatch.setitem(registry.SOLVERS, module, f"{module}:Solver")
    with pytest.raises(ValueError, match=r"needs the package 'elkai', which is not installed: .*scientist\[lkh\]"):
        make("needs_elkai")
    with pytest.raises(ValueError, match="solver 'needs_other' needs 'a_package_that_nobody_has', which is not inst"):
        make("needs_other")
    with pytest.raises(ValueError, match="solver 'is_broken' cannot be loaded: cannot import name"):
        make("is_broken")
    with pytest.raises(ValueError, match="solver 'is_empty': is_empty has no 'Solver'"):
        make("is_empty")


def test_other_packages_add_solvers_by_entry_point_but_cannot_replace_the_toolkits(tmp_path, monkeypatch):
    package = tmp_path / "stranger-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[tsp.solvers]\nstrange = {__name__}:Demanding\nfake = nowhere:None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert known_solvers()["strange"] == f"{__name__}:Demanding"
    assert make("strange(path=x)").path == "x"
    assert make("fake").options["samples"] == 1


def test_a_folder_that_shadows_a_package_is_named_and_does_not_run(tmp_path, monkeypatch):
    verify_packages()
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.delitem(sys.modules, "envs", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=f"{tmp_path / 'envs'} is not the toolkit's package 'envs' but shadows it"):
        make("fake")


def test_a_missing_package_of_the_toolkit_is_named(monkeypatch):
    monkeypatch.setattr(registry, "PACKAGES", ("tsp", "gone_astray"))
    with pytest.raises(ValueError, match="package 'gone_astray' is missing"):
        verify_packages()


@pytest.mark.parametrize("name", [name for name in registry.SOLVERS if name not in {"fake", "demanding"}])
def test_every_solver_of_the_table_can_be_made_and_keeps_the_protocol(name):
    for package, extra in registry.EXTRAS.items():
        if name == extra:
            pytest.importorskip(package, reason=f"needs the extra {extra}")
    solver = make(name, device="cpu")
    assert isinstance(solver, Solver)
    assert solver.name == name


def test_importing_the_packages_imports_no_heavy_library():
    program = (
        "import sys, tsp, envs, policies, baselines, tsp.solvers.registry, tsp.comparison, tsp.plotting;"
        "tsp.solvers.registry.verify_packages();"
        "print(sorted({'torch', 'ortools', 'numba', 'gymnasium', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    path = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("spec", ["nearest", "nearest+insertion(rule=cheapest)"])
def test_an_alias_is_the_name_of_the_solver_and_of_its_answers(spec):
    solver = make(f"quick = {spec}")
    assert solver.name == "quick"
    assert make(spec).name == spec
    (solution,) = solver.solve(TSP, [RECTANGLE], Budget(0.2))
    assert solution.solver == "quick"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("=nearest", "expected a name before =, and a spec after it"),
        ("quick=", "expected a name before =, and a spec after it"),
        ("ls=nearest", "ls is itself a solver, expected another name before ="),
    ],
)
def test_an_alias_that_names_nothing_or_another_solver_is_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        make(spec)


def test_options_of_a_spec_are_no_alias():
    assert registry.split_alias("insertion(rule=cheapest)") == (None, "insertion(rule=cheapest)")
    assert registry.split_alias("a=insertion(rule=cheapest)+2opt") == ("a", "insertion(rule=cheapest)+2opt")
