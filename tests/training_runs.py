"""A training that takes a second."""

from policies.policy import PolicyConfig
from policies.training.config import TrainConfig

SMALL = TrainConfig(
    size="6-8",
    instances=96,
    epoch_size=32,
    batch_size=8,
    starts=3,
    validation_instances=16,
    policy=PolicyConfig(layers=1, width=16, heads=2, feedforward=32),
)
