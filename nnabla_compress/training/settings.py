# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How a network is trained: epochs, solver and learning rate schedule."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

import nnabla.solvers as S
from nnabla.utils.learning_rate_scheduler import (
    BaseLearningRateScheduler,
    CosineScheduler,
    ExponentialScheduler,
    LinearWarmupScheduler,
    PolynomialScheduler,
    StepScheduler,
)
from pydantic import ConfigDict

from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

SCHEDULES = ("constant", "cosine", "exponential", "polynomial", "step")
KEEPS = ("best", "last")
# Arguments that are learning rates: NNabla's solvers name them in three ways.
_RATES = ("lr", "alpha", "eta")


@dataclass(frozen=True)
class TrainingSettings:
    """Epochs, solver and learning rate of one training.

    Args:
        epochs: How often each sample is used; 0 or more, fractions allowed.
        batch_size: Samples of an update, at least 1.
        shares: Equal parts of a batch that pass through the network one by one, each with batch
            statistics of its own, side by side where there are cores; gradients are their means.
        solver: Name of a solver of ``nnabla.solvers``, such as ``Momentum`` or ``Adam``.
        solver_options: Its other arguments, such as ``{momentum: 0.9}``.
        learning_rate: Learning rate at the start, positive and finite.
        schedule: ``constant``; ``cosine`` to zero; ``step``: times ``decay`` at each of ``steps``;
            ``exponential``: times ``decay`` each epoch; ``polynomial`` to zero with power
            ``decay``.
        decay: See ``schedule``.
        steps: Epochs at which ``step`` decays.
        warmup_epochs: Epochs in which the schedule's rate is scaled up linearly from near zero.
        weight_decay: L2 decay of the weights, 0 or more. Parameters of quantizers are left out.
        k_means_steps: k-means steps after each update of a LUT-Q network, at least 1.
        checkpoint_interval: Iterations from one checkpoint to the next, at least 1.
        keep: Whose parameters stay: those after the ``best`` epoch, as the validation samples say,
            or after the ``last`` one.
        cpu_kernels: Compute convolutions, batch normalizations and ReLUs by kernels of this package
            where the context is the CPU: equal but for rounding, and faster. False: by NNabla's.

    Raises:
        ConfigError: If a value is out of its range or a name is unknown.

    Example:
        >>> settings = TrainingSettings(epochs=2, learning_rate=0.1, schedule="step", steps=[1])
        >>> rates = settings.learning_rates(iterations=4)
        >>> [round(rates.get_learning_rate(i), 3) for i in range(4)]
        [0.1, 0.1, 0.01, 0.01]
    """

    # Read from recipes: keys that it lacks are refused there.
    __pydantic_config__ = ConfigDict(extra="forbid")

    epochs: float
    batch_size: int = 64
    shares: int = 1
    solver: str = "Momentum"
    solver_options: Dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 0.01
    schedule: str = "cosine"
    decay: float = 0.1
    steps: Tuple[float, ...] = ()
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    k_means_steps: int = 1
    checkpoint_interval: int = 500
    keep: str = "best"
    cpu_kernels: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        for name, least in (
            ("epochs", 0),
            ("batch_size", 1),
            ("shares", 1),
            ("warmup_epochs", 0),
            ("weight_decay", 0),
            ("k_means_steps", 1),
            ("checkpoint_interval", 1),
        ):
            value = getattr(self, name)
            if not value >= least:
                raise ConfigError(f"training: {name} is {value}, the least is {least}.")
        if self.batch_size % self.shares:
            raise ConfigError(
                f"training: {self.batch_size} samples of an update in {self.shares} shares.",
                help="choose a batch_size that is a multiple of shares",
            )
        if not 0 < self.learning_rate < float("inf"):
            raise ConfigError(
                f"training: learning_rate is {self.learning_rate}, it must be a positive, finite "
                "number."
            )
        for name, known in (("schedule", SCHEDULES), ("keep", KEEPS)):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(
                    f"training: {name} is {value!r}.", help=did_you_mean(value, known)
                )
        if (self.schedule == "step") != bool(self.steps):
            raise ConfigError(
                f"training: schedule {self.schedule!r} with steps {list(self.steps)}.",
                help="give the epochs of the decays with schedule: step, and only there",
            )
        self._check_solver()

    def _check_solver(self) -> None:
        known = _solver_names()
        if self.solver not in known:
            raise ConfigError(
                f"training: unknown solver {self.solver!r}.", help=did_you_mean(self.solver, known)
            )
        arguments = inspect.signature(getattr(S, self.solver)).parameters
        options = [name for name in arguments if name not in _RATES]
        for option in self.solver_options:
            if option not in options:
                raise ConfigError(
                    f"training: solver {self.solver} has no option {option!r}.",
                    help=did_you_mean(option, options, "its options are"),
                )

    def make_solver(self) -> Any:
        """Returns a new NNabla solver."""
        rate = next(
            name for name in inspect.signature(getattr(S, self.solver)).parameters if name in _RATES
        )
        return getattr(S, self.solver)(**{rate: self.learning_rate}, **self.solver_options)

    def learning_rates(self, iterations: int) -> BaseLearningRateScheduler:
        """Returns NNabla's scheduler for a training of that many iterations.

        Args:
            iterations: Iterations of all epochs together.
        """
        total = max(iterations, 1)
        per_epoch = total / self.epochs if self.epochs else 1.0
        warmup = int(round(self.warmup_epochs * per_epoch))
        rate = self.learning_rate
        scheduler: BaseLearningRateScheduler
        if self.schedule == "cosine":
            scheduler = CosineScheduler(rate, total)
        elif self.schedule == "exponential":
            scheduler = ExponentialScheduler(rate, self.decay, max(int(round(per_epoch)), 1))
        elif self.schedule == "polynomial":
            scheduler = PolynomialScheduler(rate, total, self.decay)
        else:
            steps = [int(round(step * per_epoch)) for step in self.steps]
            scheduler = StepScheduler(rate, self.decay, steps)
        return LinearWarmupScheduler(scheduler, warmup) if warmup else scheduler


def _solver_names() -> List[str]:
    return sorted(
        name
        for name, value in vars(S).items()
        if inspect.isfunction(value)
        and any(r in inspect.signature(value).parameters for r in _RATES)
    )
