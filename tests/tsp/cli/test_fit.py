import re
import shlex

import pytest
from command_line import ROOT, refusal, solved

LOG = ROOT / "examples" / "visits-log.csv"
TOMORROW = ROOT / "examples" / "visits-tomorrow.csv"


@pytest.fixture
def law(tsp):
    assert tsp("fit", LOG, "--target", "duration", "--model", "ridge", "--out", "law.safetensors")[0] == 0
    return "law.safetensors"


def test_fit_prints_the_calibration_on_days_held_back(tsp):
    code, out, err = tsp("fit", LOG, "--target", "duration", "--out", "law.safetensors")
    assert (code, err) == (0, "")
    assert re.search(r"from 277 of 313 visits on 40 days, 5\.8% censored", out)
    coverage, loss, pooled = re.search(r"cover ([\d.]+)%; pinball loss ([\d.]+), pooled ([\d.]+)", out).groups()
    assert 60 < float(coverage) < 95
    assert float(loss) < float(pooled)
    assert out.endswith("law.safetensors\n")


def test_the_commands_of_the_documentation_fit_a_law_plan_with_it_and_draw(tsp, tmp_path):
    page = (ROOT / "docs" / "online.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"## Learned laws\n.*?```bash\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for command in block.splitlines():
        assert tsp(*shlex.split(command)[1:])[0] == 0
    assert (tmp_path / "plan.png").stat().st_size > 10_000


def test_a_law_is_not_overwritten_without_force(tsp, law):
    words = ("fit", LOG, "--target", "wait", "--model", "pooled", "--out", law)
    assert "exists; use --force" in refusal(tsp(*words))
    assert tsp(*words, "--force")[0] == 0


def test_solve_plans_a_day_with_a_law_and_warns_of_unknown_categories(tsp, law):
    words = ("solve", TOMORROW, "--max-length", 90, "--law", law, "--time-limit", 0.2, "--json")
    result = tsp(*words)
    assert solved(result)["feasible"]
    assert "not in the logs of the duration: topic 'chemistry'" in result[2]
    assert "nothing reads column" not in result[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", LOG, "--target", "wait", "--out", "law.json"), "law.json: ending '.json', expected .safetensors"),
        (("fit", TOMORROW, "--target", "wait", "--out", "l.safetensors"), "expected day, name, status and wait"),
        (("solve", TOMORROW, "--law", LOG), "not a readable safetensors file"),
        (("solve", TOMORROW, "--law", "none.safetensors"), "none.safetensors: no such file"),
    ],
)
def test_wrong_inputs_are_refused_in_one_sentence(tsp, words, message):
    assert message in refusal(tsp(*words))


def test_two_laws_of_one_target_are_refused(tsp, law):
    words = ("solve", TOMORROW, "--max-length", 90, "--law", law, "--law", law)
    assert "a second law of the duration" in refusal(tsp(*words))
