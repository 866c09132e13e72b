# %% [markdown]
# # A policy of your own
#
# A small network learns orienteering: a walk of limited length that collects as much prize as possible. The environment
# supplies the rules; the network and the training loop below are plain PyTorch, with nothing hidden. It takes less than
# half a minute on one core.
#
# Run it as a script, `python examples/notebooks/own_policy.py`, or open it as a notebook in an editor that knows
# `# %%` cells, such as VS Code, PyCharm or Jupyter with jupytext.

# %%
import torch
from torch import Tensor, nn

from envs.batch import Batch, from_instances
from envs.generators import generate, generate_instances
from envs.routing_env import RoutingEnv
from tsp.comparison import compare
from tsp.problems import Problem, get_problem
from tsp.solution import Solution, check
from tsp.solvers import InstanceSolver, Task
from tsp.solvers.registry import make

SIZE = 12
STEPS = 200
TESTED = 50
torch.manual_seed(0)
torch.set_num_threads(1)


# %% [markdown]
# ## The policy
#
# The policy gives each node a score, by what it sees of the node and of the walk so far. Tensors have the shape
# `[B, P, …]`: B instances, and P walks through each of them.


# %%
class OwnPolicy(nn.Module):
    """Scores each node by its features, the way to it, the way home from it and the length that is left."""

    def __init__(self, node_features: int, context_features: int, width: int = 64) -> None:
        super().__init__()
        seen = 2 * node_features + context_features + 2
        self.score = nn.Sequential(
            nn.Linear(seen, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, nodes: Tensor, last: Tensor, context: Tensor) -> Tensor:
        """Scores `[B, P, n]` of nodes with the features `[B, n, f]`, standing at `last` `[B, P]`."""
        B, n, f = nodes.shape
        P = last.shape[1]
        here = nodes.gather(1, last[..., None].expand(B, P, f))[:, :, None].expand(B, P, n, f)
        there = nodes[:, None].expand(B, P, n, f)
        way = (here[..., :2] - there[..., :2]).norm(dim=-1, keepdim=True)
        home = (there[..., :2] - nodes[:, None, :1, :2]).norm(dim=-1, keepdim=True)
        walk = context[:, :, None].expand(B, P, n, context.shape[-1])
        return self.score(torch.cat([here, there, walk, way, home], -1))[..., 0]


env = RoutingEnv("op")
policy = OwnPolicy(env.node_features, env.context_features)
print(f"the policy sees {env.shows} of each node; it has {sum(p.numel() for p in policy.parameters()):,} weights")


# %% [markdown]
# ## A walk
#
# The environment says which nodes must not be next. Everything else is the policy's choice.


# %%
def walk(batch: Batch, trajectories: int, *, greedy: bool = False) -> tuple[Tensor, Tensor]:
    """Actions `[B, P, T]` of sampled or greedy walks, and the logarithm of their probability `[B, P]`."""
    nodes, state = env.features(batch), env.reset(batch, trajectories)
    actions, log_prob = [], torch.zeros(batch.count, trajectories)
    while not state.finished.all():
        seen = env.observe(state)
        assert seen.context is not None
        scores = policy(nodes, seen.last, seen.context).masked_fill(seen.forbidden, -torch.inf)
        choice = torch.distributions.Categorical(logits=scores)
        action = scores.argmax(-1) if greedy else choice.sample()
        log_prob = log_prob + choice.log_prob(action)
        actions.append(action)
        state = env.step(state, action)
    return torch.stack(actions, -1), log_prob


# %% [markdown]
# ## The training loop: REINFORCE
#
# A walk that is cheaper than the mean of its instance's walks becomes more likely. `env.cost` has the sign that makes
# less better, also where a prize is to be collected.

# %%
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
generator = torch.Generator().manual_seed(1)
for step in range(STEPS):
    batch = generate("op", "uniform", 64, SIZE, generator)
    actions, log_prob = walk(batch, trajectories=16)
    cost = env.cost(batch, actions).float()
    advantage = cost - cost.mean(1, keepdim=True)
    loss = (advantage * log_prob).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0 or step == STEPS - 1:
        print(f"step {step:4}: mean prize of sampled walks {-cost.mean():.3f}")

# %% [markdown]
# ## A solver, and an honest comparison
#
# Four lines make it a solver. The checker confirms each answer, and the comparison gives every solver the same
# instances.


# %%
class OwnSolver(InstanceSolver):
    """The greedy walk of the policy above."""

    name = "own-policy"
    one_shot = True

    def supports(self, problem: Problem) -> bool:
        """Orienteering."""
        return problem.name == "op"

    @torch.no_grad()
    def solve_one(self, task: Task) -> Solution:
        """The walk, checked."""
        actions, _ = walk(from_instances([task.instance]), 1, greedy=True)
        return check(task.problem, task.instance, env.tours(actions[0, 0], task.instance))


instances = generate_instances("op", "uniform", SIZE, TESTED, seed=99)
solvers = [OwnSolver(), make("tsiligirides"), make("insertion"), make("ls")]
print(compare(get_problem("op"), instances, solvers, [0.1]).table())
