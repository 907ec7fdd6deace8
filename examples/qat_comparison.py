# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantization-aware training side by side: this project's and NNabla's own ``QATScheduler``.

A small network with batch normalization is trained as float on real handwritten digits. From these
weights each way trains on for the same number of updates on the same batches: this project's with
batch normalization folded in training, at 8 and at 4 bits, and NNabla's scheduler (8 bits; it has
no other) as it comes and with what its documentation recommends. Prints and writes accuracies and
the time of a training step as a multiple of the float step.

    python examples/qat_comparison.py [-o FILE.json]
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import json
import statistics
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
from nnabla.utils.qnn import QATConfig, QATScheduler, QATTensorRTConfig
from rich.table import Table

from nnabla_compress import compress
from nnabla_compress.cli.engine import console
from nnabla_compress.data import load
from nnabla_compress.files import atomic_path
from nnabla_compress.logs import quiet
from nnabla_compress.runs.results import versions

SEED, BATCH, FLOAT_UPDATES, UPDATES, RATE = 1, 64, 600, 300, 0.01
RECORDING = 100  # updates in which NNabla's scheduler records ranges


def network(x: nn.Variable, test: bool) -> nn.Variable:
    """Three convolutions with batch normalization, pooling, and an affine layer."""
    h = x
    for number, maps in enumerate((16, 32, 32), 1):
        h = PF.convolution(h, maps, (3, 3), pad=(1, 1), name=f"c{number}")
        h = F.relu(PF.batch_normalization(h, batch_stat=not test, name=f"c{number}"))
        h = F.max_pooling(h, (2, 2)) if number < 3 else F.average_pooling(h, h.shape[2:])
    return PF.affine(h, 10, name="fc")


class Training:
    """One network in training, with its twin for inference; starts from the current parameters.

    Args:
        rewrite: Puts quantizers into a graph.
        rate: Learning rate.
        scheduler: Makes NNabla's scheduler for a solver, if that is what quantizes.
    """

    def __init__(
        self,
        rewrite: Callable[[nn.Variable], nn.Variable],
        rate: float,
        scheduler: Optional[Callable[[Any], QATScheduler]] = None,
    ) -> None:
        splits = load("digits")
        self.train, self.test = splits.split("train"), splits.split("test")
        shape = self.train.x.shape[1:]
        self.x, self.label = nn.Variable((BATCH, *shape)), nn.Variable((BATCH, 1))
        self.whole = nn.Variable((len(self.test.x), *shape))
        self.logits, self.inferred = rewrite(network(self.x, False)), network(self.whole, True)
        self.inferred = rewrite(self.inferred)
        self.inferred.persistent = True
        self.solver = S.Momentum(rate, 0.9)
        self.scheduler = scheduler(self.solver) if scheduler else None
        if self.scheduler is not None:
            self.scheduler(self.logits)
            self.scheduler(self.inferred, training=False)
        self.loss = F.mean(F.softmax_cross_entropy(self.logits, self.label))
        self.solver.set_parameters(nn.get_parameters())

    def run(self, updates: int) -> List[float]:
        """Trains; returns the processor time of each step, NNabla computes on one thread."""
        order = np.random.RandomState(SEED)
        times = []
        for _ in range(updates):
            if self.scheduler is not None:
                with quiet(), contextlib.redirect_stdout(io.StringIO()):
                    self.scheduler.step()
            chosen = order.randint(len(self.train.x), size=BATCH)
            self.x.d, self.label.d = self.train.x[chosen], self.train.y[chosen].reshape(-1, 1)
            start = time.process_time()
            self.solver.zero_grad()
            self.loss.forward(clear_no_need_grad=True)
            self.loss.backward(clear_buffer=True)
            self.solver.update()
            times.append(time.process_time() - start)
        return times

    def accuracy(self) -> float:
        """Returns the share of test samples that are classified right."""
        self.whole.d = self.test.x
        self.inferred.forward(clear_buffer=True)
        return float((self.inferred.d.argmax(1) == self.test.y.ravel()).mean())


def ours(bits: int) -> Callable[[nn.Variable], nn.Variable]:
    """Returns what rewrites a network for this project's training."""
    how = {
        "weights": [
            f"movingrange:bits={bits},axis=0",
            f"movingrange:bits={bits},axis=1,types=Affine",
        ],
        "activations": ["movingrange:bits=8,symmetric=false"],
        "fold": "training",
        "freeze_after": UPDATES // 2,
    }
    return lambda y: compress(y, how)


def theirs(**options: Any) -> Callable[[Any], QATScheduler]:
    """Returns what makes NNabla's scheduler for a solver."""

    def make(solver: Any) -> QATScheduler:
        config = QATTensorRTConfig()
        config.ext_name, config.niter_to_recording = "cpu", 1
        config.niter_to_training = RECORDING
        for name, value in options.items():
            setattr(config, name, value)
        return QATScheduler(config=config, solver=solver)

    return make


def main() -> None:
    """Trains all of them, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/qat_comparison.json"))
    output = parser.parse_args().output
    nn.random.prng, nn.logger.level = np.random.RandomState(SEED), "ERROR"
    nn.seed(SEED)
    base = Training(lambda y: y, 0.05)
    base.run(FLOAT_UPDATES)
    rows: List[Dict[str, Any]] = [
        {"network": "float, where all start", "accuracy": base.accuracy()}
    ]
    start = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
    unscaled = {"learning_rate_scale": 1.0}
    not_rounded = {"pow2": QATConfig.RoundingMethod.NOTROUND}
    ways: Dict[str, Dict[str, Any]] = {
        "float, trained on": {"rewrite": lambda y: y},
        "movingrange, 8 bit": {"rewrite": ours(8)},
        "movingrange, 4 bit weights": {"rewrite": ours(4)},
        "QATScheduler as it comes": {"scheduler": theirs()},
        "QATScheduler, bias skipped": {"scheduler": theirs(skip_bias=True)},
        "QATScheduler, bias skipped, rate kept, any scale": {
            "scheduler": theirs(skip_bias=True, **unscaled, **not_rounded)
        },
    }
    float_time = 0.0
    for name, way in ways.items():
        nn.clear_parameters()
        network(nn.Variable((1, *base.x.shape[1:])), True)
        for path, parameter in nn.get_parameters(grad_only=False).items():
            parameter.d = start[path]
        training = Training(way.get("rewrite", lambda y: y), RATE, way.get("scheduler"))
        times = training.run(UPDATES)
        step = statistics.median(times[RECORDING + 20 :])
        float_time = float_time or step
        rows.append(
            {"network": name, "accuracy": training.accuracy(), "step_ratio": step / float_time}
        )
    table = Table("network", "test accuracy", "step / float step", title="Digits, 300 updates")
    for row in rows:
        ratio = f"{row['step_ratio']:.2f}" if "step_ratio" in row else ""
        table.add_row(row["network"], f"{100 * row['accuracy']:.2f} %", ratio)
    console.print(table)
    result = {
        "command": "python examples/qat_comparison.py",
        "seed": SEED,
        "date": datetime.date.today().isoformat(),
        "versions": versions(),
        "rows": rows,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(output) as path:
        path.write_text(json.dumps(result, indent=1), "utf-8")
    console.print(f"written to {output}")


if __name__ == "__main__":
    main()
