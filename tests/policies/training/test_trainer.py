"""Training runs: they learn, resume to the same bits, and keep their directory in order."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_runs import SMALL

from envs.generators import generate
from policies.checkpoint import load_policy, read_tensors, write_tensors
from policies.guide.network import EdgeNetworkConfig
from policies.policy import PolicyConfig
from policies.training.config import TrainConfig
from policies.training.run import start_run
from policies.training.samples import draw_samples
from policies.training.trainer import Trainer
from tsp.problems import PROBLEMS


def trainer(config, out, *, resume=False):
    start_run(config, out, resume=resume)
    return Trainer(config, out, resume=resume)


def weights(out):
    return read_tensors(Path(out) / "checkpoint-last.safetensors")[0]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def rows(out):
    with (Path(out) / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def untimed(out):
    return [{k: v for k, v in row.items() if "second" not in k} for row in rows(out)]


@pytest.mark.parametrize("baseline", ["rollout", "shared", "exponential", "critic", "none"])
@pytest.mark.parametrize("encoder", ["attention", "gnn"])
def test_every_baseline_trains_with_every_encoder(tmp_path, monkeypatch, baseline, encoder):
    monkeypatch.setattr("policies.training.reinforce_baselines.LEAST_CHALLENGE", 2)
    config = replace(SMALL, baseline=baseline, policy=replace(SMALL.policy, encoder=encoder, norm="instance"))
    run = trainer(config, tmp_path)
    before = {k: v.clone() for k, v in run.policy.state_dict().items()}
    run.run()
    assert not same(before, run.policy.state_dict())
    assert [row["instances"] for row in rows(tmp_path)] == ["0", "32", "64", "96"]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_trains(tmp_path, problem):
    shape = replace(SMALL.policy, edges=problem == "atsp")
    run = trainer(replace(SMALL, problem=problem, size="4-5", instances=32, entropy=0.01, policy=shape), tmp_path)
    before = {k: v.clone() for k, v in run.policy.state_dict().items()}
    run.run()
    after = run.policy.state_dict()
    assert all(torch.isfinite(value).all() for value in after.values())
    assert not torch.equal(before["decoder.project_nodes.weight"], after["decoder.project_nodes.weight"])
    policy, info = load_policy(tmp_path / "checkpoint-last.safetensors")
    assert (info.problem, policy.env.problem.name) == (problem, problem)
    assert info.sizes == ((5, 6) if PROBLEMS[problem].shape.has_depot else (4, 5))  # in nodes


@pytest.mark.parametrize(("problem", "gradients"), [("tsp", False), ("op", True)])
def test_passes_from_static_buffers_give_the_same_policy(tmp_path, monkeypatch, problem, gradients):
    """As on a GPU, where they are captured."""
    config = replace(SMALL, problem=problem, instances=24, precision="float32", entropy=0.01)
    for captures in (False, True):
        monkeypatch.setattr(Trainer, "captures", captures)
        monkeypatch.setattr(Trainer, "captures_gradients", gradients)
        run = trainer(config, tmp_path / str(captures))
        before = torch.cat([x.flatten() for x in run.policy.state_dict().values()])
        run.run()
    plain, ours = (torch.cat([x.flatten() for x in weights(tmp_path / str(c)).values()]) for c in (False, True))
    assert (ours - plain).norm() < 0.05 * (plain - before).norm()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    ("baseline", "place", "call"),
    [
        ("exponential", lambda run: (run.baseline, "advantage"), 6),
        ("rollout", lambda run: (run.baseline.exponential, "advantage"), 2),
        ("shared", lambda run: (run.optimizer, "step"), 6),
        ("critic", lambda run: (run.baseline.optimizer, "step"), 6),
        ("rollout", lambda run: (run.baseline, "_evaluate"), 2),
        ("shared", lambda run: (run, "validate"), 2),
    ],
    ids=["scoring", "warm-up", "update", "critic", "rollout test", "validation"],
)
def test_wherever_ctrl_c_falls_a_run_resumes_to_the_same_bits(
    tmp_path, monkeypatch, ctrl_c, baseline, place, call, times
):
    monkeypatch.setattr("policies.training.reinforce_baselines.LEAST_CHALLENGE", 2)
    config = replace(SMALL, baseline=baseline)
    trainer(config, tmp_path / "whole").run()

    part = trainer(config, tmp_path / "part")
    ctrl_c(*place(part), call=call, times=times)
    with pytest.raises(KeyboardInterrupt):
        part.run()
    resumed = trainer(TrainConfig.read(tmp_path / "part"), tmp_path / "part", resume=True)
    # the first Ctrl-C saves the step it falls into, the second leaves the last epoch's checkpoint
    assert resumed.step == (part.step if times == 1 else (part.step - 1) // 4 * 4)
    resumed.run()

    assert same(weights(tmp_path / "whole"), weights(tmp_path / "part"))
    assert untimed(tmp_path / "whole") == untimed(tmp_path / "part")


def test_a_killed_run_resumes_to_the_same_bits(tmp_path):
    config = replace(SMALL, instances=400)
    trainer(config, tmp_path / "whole").run()
    start_run(config, tmp_path / "part")
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from policies.training.config import TrainConfig\n"
        "from policies.training.trainer import Trainer\n"
        "Trainer(TrainConfig.read(sys.argv[1]), sys.argv[1]).run()"
    )
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "part")], env=environment, cwd=root)
    while not (tmp_path / "part" / "metrics.csv").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with (tmp_path / "part" / "metrics.csv").open("a") as file:
        file.write("384,3072,9.9")  # what a kill may leave: a row past the checkpoint, half written
    trainer(config, tmp_path / "part", resume=True).run()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "part"))
    assert [row["step"] for row in rows(tmp_path / "part")] == [row["step"] for row in rows(tmp_path / "whole")]


def test_a_run_is_validated_before_the_first_step_at_the_end_and_seldom_between(tmp_path):
    run = trainer(replace(SMALL, instances=1600, validation_instances=60), tmp_path)
    untrained = run.validate()
    run.run()
    values = [float(row["val/objective"]) for row in rows(tmp_path)]
    assert run.validation.count == 60  # not more than were asked for
    assert values[0] == untrained
    # 20 * 60 = 1,200 instances are trained on between two validations, in epochs of 32
    assert [row["instances"] for row, value in zip(rows(tmp_path), values, strict=True) if value == value] == [
        "0", "1216", "1600",
    ]  # fmt: skip


def test_short_runs_are_validated_on_fewer_instances(tmp_path):
    run = trainer(replace(SMALL, instances=1600, validation_instances=1000), tmp_path / "counted")
    run.run()
    assert run.validation.count == 80
    timed = trainer(replace(SMALL, instances=None, minutes=0.01, validation_instances=100_000), tmp_path / "timed")
    timed.run()
    assert 20 <= timed.validation.count < 100_000
    resumed = trainer(timed.config, tmp_path / "timed", resume=True)
    assert resumed.validation.count == timed.validation.count


def test_fine_tuning_that_ends_worse_says_so(tmp_path, monkeypatch):
    trainer(SMALL, tmp_path / "first").run()
    said = []
    config = replace(SMALL, start_from=str(tmp_path / "first" / "checkpoint-last.safetensors"))
    start_run(config, tmp_path / "second")
    run = Trainer(config, tmp_path / "second", say=said.append)
    values = iter([3.0, 3.5])
    monkeypatch.setattr(run, "_validate_on", lambda count: next(values))
    run.run()
    assert said == ["validation 3.5000 at the end is worse than 3.0000 at the start"]


def test_log_rows_past_the_checkpoint_are_dropped(tmp_path):
    trainer(SMALL, tmp_path).run()
    kept = rows(tmp_path)
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("999,7992,1,0,0,0,0,0\n1000,80")
    trainer(replace(SMALL, instances=128), tmp_path, resume=True).run()
    assert rows(tmp_path)[:4] == kept
    assert [row["instances"] for row in rows(tmp_path)] == ["0", "32", "64", "96", "128"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        trainer(replace(SMALL, seed=seed), tmp_path / name).run()
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_training_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trainer(SMALL, tmp_path).run()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("baseline", ["shared", "rollout"])
def test_a_short_training_learns(tmp_path, baseline):
    config = replace(
        SMALL,
        size="8",
        baseline=baseline,
        starts=8 if baseline == "shared" else 1,
        instances=6400,
        epoch_size=3200,
        batch_size=64,
        lr=2e-3,
        warmup_epochs=1,
        validation_instances=500,
        policy=PolicyConfig(layers=1, width=32, heads=4, feedforward=64),
    )
    run = trainer(config, tmp_path)
    untrained = run.validate()
    run.run()
    # random tours have mean length 4.17 here, optimal ones 2.6
    assert float(rows(tmp_path)[-1]["val/objective"]) < min(3.1, 0.9 * untrained)


def test_the_checkpoint_describes_itself(tmp_path):
    trainer(SMALL, tmp_path).run()
    policy, info = load_policy(tmp_path / "checkpoint-last.safetensors")
    assert (info.problem, info.sizes, info.distribution) == ("tsp", (6, 8), "uniform")
    assert policy.config == SMALL.policy
    assert not policy.training
    assert json.loads((tmp_path / "config.json").read_text())["batch_size"] == 8


def test_fine_tuning_starts_from_the_given_policy(tmp_path):
    trainer(SMALL, tmp_path / "first").run()
    path = tmp_path / "first" / "checkpoint-last.safetensors"
    tuned = trainer(replace(SMALL, start_from=str(path)), tmp_path / "second")
    assert same(weights(tmp_path / "first"), tuned.policy.state_dict())


def test_fine_tuning_may_look_at_distances_that_the_policy_was_blind_to(tmp_path):
    trainer(SMALL, tmp_path / "first").run()
    path = tmp_path / "first" / "checkpoint-last.safetensors"
    looks = replace(SMALL, start_from=str(path), policy=replace(SMALL.policy, edges=True))
    tuned = trainer(looks, tmp_path / "second")
    before, batch = load_policy(path)[0], tuned.validation_batch(5)
    for one, other in zip(before.prepare(batch)[:5], tuned.first_policy().eval().prepare(batch)[:5], strict=True):
        assert torch.equal(one, other)  # the actions are the same at first
    tuned.run()
    assert tuned.policy.decoder.project_costs.weight.any()
    with pytest.raises(ValueError, match=r"its shape is .*edges=True.*, expected .*False"):
        trainer(replace(SMALL, start_from=str(tmp_path / "second" / "checkpoint-last.safetensors")), tmp_path / "third")


def test_a_policy_may_start_from_one_that_did_not_know_some_of_the_rules(tmp_path):
    trainer(replace(SMALL, problem="op"), tmp_path / "first").run()
    path = tmp_path / "first" / "checkpoint-last.safetensors"
    looks = replace(SMALL, problem="optw", start_from=str(path), policy=replace(SMALL.policy, edges=True))
    tuned = trainer(looks, tmp_path / "second")
    before, after = load_policy(path)[0], tuned.first_policy().eval()
    batch = tuned.validation_batch(5)
    for one, other in zip(before.prepare(batch)[:5], after.prepare(batch)[:5], strict=True):
        assert torch.equal(one, other)
    names = after.env.names
    new = [i for i, name in enumerate(names.context) if name not in before.env.names.context]
    kept = [i for i in range(len(names.context)) if i not in new]
    assert new
    assert not after.decoder.project_context.weight[:, new].any()
    assert torch.equal(after.decoder.project_context.weight[:, kept], before.decoder.project_context.weight)
    tuned.run()
    assert tuned.policy.decoder.project_context.weight[:, new].all()


def test_a_policy_for_tours_with_other_ends_is_refused(tmp_path):
    trainer(SMALL, tmp_path / "first").run()
    config = replace(SMALL, problem="op", start_from=str(tmp_path / "first" / "checkpoint-last.safetensors"))
    with pytest.raises(ValueError, match="a policy for tsp, expected one whose tours have the same ends"):
        trainer(config, tmp_path / "second")


def test_data_replaces_the_generator(tmp_path):
    from tsp.formats import write_instances
    from tsp.instance import Instance

    generator = torch.Generator().manual_seed(0)
    own = [Instance(torch.rand(7, 2, generator=generator).numpy() * 100) for _ in range(5)]
    write_instances(tmp_path / "own.npz", own)
    run = trainer(replace(SMALL, size="7", data=str(tmp_path / "own.npz")), tmp_path / "run")
    run.run()
    assert run.instances == 96
    with pytest.raises(ValueError, match="7 customers, expected --size 6-8"):
        trainer(replace(SMALL, data=str(tmp_path / "own.npz")), tmp_path / "other")


@pytest.mark.parametrize("problem", ["op", "spctsp", "opst", "opq", "tsptw", "cvrp", "atsp"])
def test_data_of_other_problems_keeps_what_they_need(tmp_path, problem):
    from envs.generators import generate_set
    from tsp.formats import write_instances

    instances, hidden = generate_set(problem, "uniform", 6, 5, seed=0)
    write_instances(tmp_path / "own.npz", instances, realizations=hidden)
    shape = replace(SMALL.policy, edges=problem == "atsp")
    config = replace(SMALL, problem=problem, size="6", data=str(tmp_path / "own.npz"), instances=32, policy=shape)
    run = trainer(config, tmp_path / "run")
    drawn = generate(problem, "uniform", 5, 6, torch.Generator().manual_seed(0))
    assert drawn.values.keys() <= run.data.values.keys()
    for name, value in drawn.values.items():
        assert run.data.values[name].dtype == torch.float32
        torch.testing.assert_close(run.data.values[name], value.float(), atol=1e-5, rtol=1e-5)
    run.run()
    for instance, before, after in draw_samples(run):  # as its report shows them
        assert instance.end is None
        assert problem == "tsptw" or (before.feasible and after.feasible)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": "many"}, "size: 'many'"),
        ({"size": "9-5"}, "size: '9-5'"),
        ({"minutes": 3.0}, "expected one of minutes, epochs, instances"),
        ({"instances": None}, "expected one of minutes, epochs, instances"),
        ({"lr": 0.0}, "lr: 0.0"),
        ({"starts": 1}, "starts: 1, expected 2 or more"),
        ({"problem": "tps"}, "did you mean 'tsp'"),
        ({"distribution": "unifrom"}, "did you mean 'uniform'"),
    ],
)
def test_a_configuration_that_cannot_be_trained_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(SMALL, **changes)


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match=r"here: unknown setting 'learning_rate'"):
        TrainConfig.from_dict({"learning_rate": 1}, "here")
    with pytest.raises(ValueError, match=r"here: policy: unknown setting 'depth'"):
        TrainConfig.from_dict({"policy": {"depth": 1}}, "here")


def test_a_run_is_not_overwritten_unless_forced(tmp_path):
    start_run(SMALL, tmp_path)
    with pytest.raises(ValueError, match="holds a run already"):
        start_run(SMALL, tmp_path)
    start_run(SMALL, tmp_path, force=True)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path):
    run = trainer(SMALL, tmp_path)
    run.run()
    kept = weights(tmp_path)
    run = trainer(replace(SMALL, instances=192), tmp_path, resume=True)
    with torch.no_grad():
        run.policy.embed.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        run.run()
    assert same(weights(tmp_path), kept)


TAUGHT = replace(
    SMALL,
    size="6,8",
    teacher="ls(kicks=10)",
    label_count=64,
    label_batch=8,
    label_ways=3,
    label_every=1,
    reinforce_from=0.5,
    average=0.9,
    scale=True,
    optimizer="muon",
    warmup_steps=3,
)


def test_a_run_with_a_teacher_imitates_first_and_then_reinforces_too(tmp_path):
    run = trainer(TAUGHT, tmp_path)
    run.run()
    objectives = [row["train/objective"] for row in rows(tmp_path)]
    assert objectives[0] == "nan"  # nothing is sampled before REINFORCE joins
    assert 1.0 < float(objectives[-1]) < 4.0
    policy, _ = load_policy(tmp_path / "checkpoint-last.safetensors")
    assert same(policy.state_dict(), run.average.state_dict())
    assert not same(run.policy.state_dict(), run.average.state_dict())


@pytest.mark.parametrize("problem", ["atsp", "cvrptw"])  # test_teacher has all of them
def test_problems_of_each_shape_can_be_learned_from_a_teacher(tmp_path, problem):
    shape = replace(SMALL.policy, edges=problem == "atsp")
    run = trainer(replace(TAUGHT, problem=problem, size="4,5", instances=16, policy=shape), tmp_path)
    before = {k: v.clone() for k, v in run.policy.state_dict().items()}
    run.run()
    after = run.policy.state_dict()
    assert all(torch.isfinite(value).all() for value in after.values())
    assert not torch.equal(before["decoder.project_nodes.weight"], after["decoder.project_nodes.weight"])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, marks=pytest.mark.slow),
        {"problem": "cvrp", "label_order": "any", "expert_every": 2},
        {"problem": "tsp", "expert_every": 2, "expert_samples": 4, "leader": 3.0},
    ],
)
def test_a_run_with_a_teacher_resumes_to_the_same_bits(tmp_path, ctrl_c, changes):
    config = replace(TAUGHT, **changes)
    trainer(config, tmp_path / "whole").run()
    part = trainer(config, tmp_path / "part")
    ctrl_c(part.optimizer, "step", call=7)
    with pytest.raises(KeyboardInterrupt):
        part.run()
    trainer(TrainConfig.read(tmp_path / "part"), tmp_path / "part", resume=True).run()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "part"))
    assert untimed(tmp_path / "whole") == untimed(tmp_path / "part")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem": "opq", "label_order": "any"}, "'any', expected 'random' for problem 'opq', which reveals values"),
        ({"data": "set.npz"}, "teacher: 'ls' cannot label for --data"),
        ({"label_count": 0}, "label_count: 0, expected a positive number"),
        ({"average": 1.0}, "average: 1.0, expected at least 0 and less than 1"),
        ({"teacher": None, "expert_every": 5}, "expert_every: 5, expected 0 or more, and a teacher"),
        ({"problem": "sdvrp", "label_order": "any"}, "label_order: 'any', expected 'random' for problem 'sdvrp'"),
        ({"expert_samples": 8}, "expert_samples: 8, expected 0 to 100000, and expert_every where it is not 0"),
        ({"expert_every": 5, "expert_samples": -1}, "expert_samples: -1, expected 0 to 100000"),
        ({"leader": 0.5}, "leader: 0.5, expected a factor of 1 or more"),
        ({"leader": float("nan")}, "leader: nan, expected a factor of 1 or more"),
        ({"leader": 2.0, "starts": 1, "baseline": "none"}, "starts: 1, expected 2 or more, of which one is the leader"),
        ({"reinforce_from": 2.0}, "reinforce_from: 2.0, expected a share from 0 to 1"),
        ({"size": "6,x"}, "size: '6,x', expected numbers such as 20,50,100"),
        ({"size": "6,0"}, "size: '6,0', expected numbers of 1 or more"),
        ({"size": "1-99999999999"}, "batch_size: .* with size 1-99999999999: too many to be held in memory"),
        ({"batch_size": 10**20}, f"batch_size: {10**20} with size .*: too many to be held in memory"),
        ({"starts": 10**20}, "batch_size: .*: too many to be held in memory, expected at most 5e"),
        ({"validation_instances": 10**12}, f"validation_instances: {10**12} with size .*: too many to be held"),
        ({"label_batch": 10**12}, f"label_batch: {10**12} with size .*: too many to be held in memory"),
        ({"size": "10-"}, "size: '10-', expected a number such as 50 or a range such as 10-50"),
        ({"seed": -1}, "seed: -1, expected a whole number from 0 to 4294967295"),
        ({"seed": 2**32}, "seed: 4294967296, expected a whole number from 0 to 4294967295"),
        ({"teacher": ""}, "teacher: '', expected a text, or no such setting"),
        ({"start_from": ""}, "start_from: '', expected a text, or no such setting"),
        ({"label_folder": "a\0b"}, "label_folder: .*, expected a text, or no such setting"),
        ({"distribution": "uniform-easy"}, "'easy' changes nothing of problem 'tsp', expected 'uniform'"),
    ],
)
def test_settings_that_a_teacher_cannot_have_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **({"teacher": "ls"} | changes))


@pytest.mark.parametrize("shape", [{"layers": 10**14}, {"width": 10**6, "heads": 1}, {"feedforward": 10**9}])
def test_a_policy_that_no_memory_holds_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"layers \d+, width \d+, feedforward \d+: about \de\+\d+ weights, expected at"
    ):
        PolicyConfig(**shape)
    with pytest.raises(ValueError, match=r"layers \d+, width \d+: about \de\+\d+ weights, expected at most 1e\+09"):
        EdgeNetworkConfig(width=10**5)


def test_a_training_state_from_before_there_was_a_teacher_still_loads(tmp_path):
    trainer(SMALL, tmp_path).run()
    path = tmp_path / "training-state.safetensors"
    tensors, metadata = read_tensors(path)
    tensors["sums"] = tensors["sums"][:4]
    write_tensors(path, tensors, metadata, force=True)
    resumed = trainer(TrainConfig.read(tmp_path), tmp_path, resume=True)
    assert resumed.sums.shape == (5,)
