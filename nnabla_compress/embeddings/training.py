# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Training of PinSage on pairs: sampling ahead, a margin, negatives that grow harder."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.ahead import made_ahead
from nnabla_compress.embeddings.batches import PairBatch, PairBatches
from nnabla_compress.embeddings.neighbourhoods import Walks
from nnabla_compress.embeddings.pairs import hard_candidates
from nnabla_compress.embeddings.pinsage import PinSage, max_margin, normalized, pooling_start
from nnabla_compress.errors import ConfigError, DataError, TrainingError, unwrapped
from nnabla_compress.files import writable_folder
from nnabla_compress.progress import counted
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training import checkpoint, set_seed
from nnabla_compress.training.settings import TrainingSettings
from nnabla_compress.turns import one_at_a_time

STARTS = ("pooling", "random")
# Of the weights that a start as pooling leaves at 0: without it they would never learn.
_NOISE = 0.01


@dataclass(frozen=True)
class PairTraining:
    """How embeddings are trained on pairs.

    Args:
        epochs: How often each pair is used.
        batch_size: Pairs of an update.
        learning_rate: Of Adam, after a linear warm-up in the first epoch.
        decay: What the rate is multiplied by each epoch.
        margin: By how much a partner shall be nearer than a negative, in cosines.
        negatives: Negatives that all pairs of a batch share.
        hard: The most hard negatives of a pair; epoch n has n - 1, up to so many.
        first_rank: The first rank, by personalised PageRank, that hard negatives are drawn from.
        last_rank: The last.
        dropout: Share of what each layer reads that is left out at each update, 0 to below 1.
        start: ``"pooling"``: the network begins as pooling without training, see
            :func:`~nnabla_compress.embeddings.pinsage.pooling_start`; ``"random"``.
        ahead: Batches that are sampled ahead; 0: none is, sampling and updates take turns.

    Raises:
        ConfigError: If one is out of range.

    Example:
        >>> PairTraining(epochs=3).hard
        6
    """

    epochs: int = 8
    batch_size: int = 256
    learning_rate: float = 0.0005
    decay: float = 0.95
    margin: float = 0.5
    negatives: int = 256
    hard: int = 6
    first_rank: int = 20
    last_rank: int = 100
    dropout: float = 0.3
    start: str = "pooling"
    ahead: int = 2

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 0),
            ("batch_size", 1),
            ("negatives", 1),
            ("hard", 0),
            ("first_rank", 1),
            ("last_rank", self.first_rank),
            ("ahead", 0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise ConfigError(f"training: {name} is {value!r}, it is a whole number.")
            if value < least:
                raise ConfigError(f"training: {name} is {value}, the least is {least}.")
        for name, most in (("learning_rate", math.inf), ("decay", 1.0), ("margin", 2.0)):
            if not 0 < getattr(self, name) <= most or math.isinf(getattr(self, name)):
                raise ConfigError(
                    f"training: {name} is {getattr(self, name)!r}.",
                    help="give a positive number" + ("" if most > 9 else f", at most {most:g}"),
                )

        if not 0 <= self.dropout < 1:
            raise ConfigError(
                f"training: dropout is {self.dropout!r}.", help="give a share from 0 to below 1"
            )

        if self.start not in STARTS:
            raise ConfigError(
                f"training: start is {self.start!r}.", help=did_you_mean(self.start, STARTS)
            )

    @property
    def solver(self) -> TrainingSettings:
        """Its solver and learning rates."""
        return TrainingSettings(
            epochs=self.epochs,
            solver="Adam",
            learning_rate=self.learning_rate,
            schedule="exponential",
            decay=self.decay,
            warmup_epochs=min(1, self.epochs),
        )


@dataclass(frozen=True)
class Trained:
    """What a training of embeddings led to.

    Args:
        parameters: Arrays by path.
        losses: The mean loss of each epoch, of those before a kill, too.
        seconds: How long it took by the clock; of these ``waited`` for samples, and ``sampling``
            is how long they took to make.
    """

    parameters: Dict[str, np.ndarray]
    losses: List[float]
    seconds: Dict[str, float]


@one_at_a_time
def train(
    network: PinSage,
    features: np.ndarray,
    graph: Adjacency,
    pairs: np.ndarray,
    how: Walks,
    settings: PairTraining,
    pooling: str = "importance",
    seed: int = 0,
    folder: Optional[Path] = None,
) -> Trained:
    """Trains PinSage so that the items of a pair are nearer than others.

    Batches depend on the seed and their number only; one thread samples them ahead while this one
    computes. A training that was killed goes on from its last whole epoch, to the same bits.

    Args:
        network: Its sizes.
        features: A row for each item, float32 (items, D); a memory map will do.
        graph: What is walked along.
        pairs: (P, 2) items that belong together.
        how: How neighbourhoods are sampled.
        settings: Epochs, margin, negatives.
        pooling: ``"importance"``, ``"mean"`` or ``"none"``.
        seed: Seed of everything random.
        folder: Where a checkpoint is kept after each epoch; None: nowhere.

    Raises:
        DataError: If features and items are not as many, a feature is not finite, or those of a
            whole batch are zeros.
        TrainingError: If parameters become NaN or infinite.
    """
    features = _checked(features, graph)
    candidates = _candidates(graph, how, settings, seed)
    batches = PairBatches(
        graph,
        pairs,
        candidates,
        how,
        network.layers,
        settings.batch_size,
        settings.negatives,
        settings.hard,
        pooling,
        seed,
    )
    total = settings.epochs * batches.an_epoch
    spent = {"sampling": 0.0}

    def make(number: int) -> Any:
        began = time.perf_counter()
        batch = batches.batch(number)
        rows = np.ascontiguousarray(features[batch.nodes], np.float32)
        if not np.isfinite(rows).all():
            wrong = int(batch.nodes[int(np.argmin(np.isfinite(rows).all(axis=1)))])
            raise DataError(
                f"a feature of item {wrong} is NaN or infinite.", help="repair or remove it"
            )
        if not rows.any():
            raise DataError(
                f"the features of {len(rows):,} items, those of batch {number}, are all zeros.",
                help="give items numbers that tell them apart",
            )
        spent["sampling"] += time.perf_counter() - began
        return batch, rows

    drawn = nn.random.prng
    with nn.parameter_scope("", {}), nn.auto_forward(False):
        set_seed(seed)
        solver = settings.solver.make_solver()
        batch, rows = make(0)
        _objective(network, batch, rows, settings)
        if settings.start == "pooling":
            rng = np.random.RandomState([seed, 2])
            for path, values in pooling_start(network, features.shape[1]).items():
                noise = rng.randn(*values.shape) * _NOISE / math.sqrt(len(values))
                nn.get_parameters()[path].d = values + noise
        solver.set_parameters(nn.get_parameters())
        place = None if folder is None else writable_folder(Path(folder) / "checkpoints")
        saved = None if place is None else checkpoint.load(place, solver, seed)
        start = int(saved["iteration"]) if saved else 0
        rates = settings.solver.learning_rates(total)
        losses = list(saved["progress"].get("losses", [])) if saved else []
        sums, waited = 0.0, 0.0
        spent["sampling"], began = 0.0, time.perf_counter()
        try:
            with unwrapped(), counted("training", total) as at, made_ahead(
                make, start, total, settings.ahead
            ) as made:
                for number in range(start, total):
                    before = time.perf_counter()
                    batch, rows = next(made)
                    waited += time.perf_counter() - before
                    loss = _update(network, batch, rows, settings, solver, rates, number, seed)
                    sums += loss
                    at(number + 1)
                    if (number + 1) % batches.an_epoch == 0:
                        losses.append(sums / batches.an_epoch)
                        sums = 0.0
                        _check_finite(solver.get_parameters(), number, settings)
                        if place is not None:
                            checkpoint.save(place, number + 1, solver, {"losses": losses}, seed)
        finally:
            nn.random.prng = drawn
        seconds = {"all": time.perf_counter() - began, "waited": waited, **spent}
        parameters = {path: np.array(p.d, np.float32) for path, p in nn.get_parameters().items()}
    return Trained(parameters, losses, seconds)


def _checked(features: np.ndarray, graph: Adjacency) -> np.ndarray:
    if features.ndim != 2 or len(features) != graph.items:
        raise DataError(
            f"features have the shape {features.shape}, the graph has {graph.items:,} items.",
            help="give a row of numbers for each item",
        )
    return features


def _candidates(graph: Adjacency, how: Walks, settings: PairTraining, seed: int) -> np.ndarray:
    if not settings.hard:
        return np.full((graph.items, 1), -1, np.int32)
    return hard_candidates(graph, (settings.first_rank, settings.last_rank), how, seed)


def _objective(
    network: PinSage, batch: PairBatch, rows: np.ndarray, settings: PairTraining
) -> nn.Variable:
    """The loss of a batch, its graph built anew: blocks have sizes of their own."""
    features = nn.Variable.from_numpy_array(rows)
    z = normalized(network(features, batch.blocks, settings.dropout))
    ends = np.cumsum([batch.pairs, batch.pairs, batch.negatives, batch.pairs * batch.hard])
    width = z.shape[1]
    queries, partners = z[: ends[0]], z[ends[0] : ends[1]]
    negatives = [z[ends[1] : ends[2]]]
    if batch.hard:
        negatives.append(F.reshape(z[ends[2] :], (batch.pairs, batch.hard, width)))
    return max_margin(queries, partners, negatives, settings.margin)


def _update(
    network: PinSage,
    batch: PairBatch,
    rows: np.ndarray,
    settings: PairTraining,
    solver: Any,
    rates: Any,
    number: int,
    seed: int,
) -> float:
    nn.seed((seed * 1000003 + number) % (1 << 31))
    objective = _objective(network, batch, rows, settings)
    solver.set_learning_rate(rates.get_learning_rate(number))
    solver.zero_grad()
    objective.forward(clear_no_need_grad=True)
    loss = float(objective.d)
    objective.backward(clear_buffer=True)
    solver.update()
    return loss


def _check_finite(parameters: Mapping[str, Any], number: int, settings: PairTraining) -> None:
    # A ReLU makes 0 of NaN: the loss would not tell.
    for path, parameter in parameters.items():
        if not np.isfinite(parameter.d).all():
            raise TrainingError(
                f"the parameter {path} is no longer finite after update {number}.",
                help=f"lower the learning rate ({settings.learning_rate:g})",
            )
