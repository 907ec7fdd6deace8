# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which two of bits, step and range should a quantizer learn? The toy study of the DQ paper.

A quantizer is fitted to 10,000 samples of a normal distribution: plain SGD, the same learning rate
for all, minimises the mean squared error between the samples and their quantized values. The
three uniform parametrizations start from one quantizer, the three powers of two from another. A
parametrization *oscillates* if in the second half of the iterations the error is at some time more
than twice the lowest so far; otherwise it *converges*.

    python examples/dq_parametrizations.py --output dq_parametrizations.png

S. Uhlich et al., Mixed precision DNNs: All you need is a good parametrization, ICLR 2020.
"""

from __future__ import annotations

import argparse
from typing import Any, Dict, List, NamedTuple

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np

from nnabla_compress.files import atomic_path
from nnabla_compress.quantizers.learned import LearnedQuantizer
from nnabla_compress.quantizers.pow2 import Pow2
from nnabla_compress.quantizers.uniform import Uniform

UNIFORM: Dict[str, LearnedQuantizer] = {
    name: Uniform(bits=8, learn=learn, initial_step=2.0**-7, max_bits=16)
    for name, learn in (
        ("U1 (b, d)", "b_d"),
        ("U2 (b, q_max)", "b_qmax"),
        ("U3 (d, q_max)", "d_qmax"),
    )
}
POWERS: Dict[str, LearnedQuantizer] = {
    name: Pow2(bits=4, learn=learn, initial_q_max=1.0)
    for name, learn in (
        ("P1 (b, q_max)", "b_qmax"),
        ("P2 (b, q_min)", "b_qmin"),
        ("P3 (q_min, q_max)", "qmin_qmax"),
    )
}
LIMITS = {0: (1e-6, 4.0), 2: (1e-5, 1e2), 3: (1e-2, 1e4)}  # of the axes: error, smallest, largest


class Course(NamedTuple):
    """What happened over the iterations, an array each."""

    error: np.ndarray
    bits: np.ndarray
    smallest: np.ndarray  # d or q_min
    largest: np.ndarray  # q_max

    @property
    def oscillates(self) -> bool:
        """Whether the error in the second half exceeds twice its lowest value so far."""
        half = len(self.error) // 2
        lowest = np.minimum.accumulate(self.error)
        return bool(np.any(self.error[half:] > 2 * lowest[half:]))


def fit(quantizer: LearnedQuantizer, samples: np.ndarray, rate: float, iterations: int) -> Course:
    """Fits one quantizer to the samples by gradient descent."""
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(samples)
    y = quantizer(x)
    loss = F.mean(F.squared_error(y, x))
    loss.forward()
    solver = S.Sgd(rate)
    solver.set_parameters(nn.get_parameters())
    args, inputs = y.parent.info.args, y.parent.inputs
    rows: List[List[float]] = []
    for _ in range(iterations):
        loss.forward()
        solver.zero_grad()
        loss.backward()
        grid: Any = quantizer.settle(args, inputs)
        if isinstance(quantizer, Uniform):
            ends = [grid.step[0], grid.step[0] * grid.limit[0]]
        else:
            ends = [grid.q_min, grid.q_max]
        rows.append([float(loss.d), grid.bits, *ends])
        solver.update()
    return Course(*np.array(rows).T)


def draw(families: Dict[str, Dict[str, Course]], path: str) -> None:
    """Draws error, bits, step and range of every parametrization into one figure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(2, 4, figsize=(16, 7), sharex=True, constrained_layout=True)
    for row, (family, courses) in zip(axes, families.items()):
        smallest = "step d" if family == "uniform" else "smallest magnitude q_min"
        titles = ("mean squared error", "bits", smallest, "range q_max")
        for column, (ax, title) in enumerate(zip(row, titles)):
            # What oscillates fills the picture: it goes behind the others, within fixed limits.
            for name, course in sorted(courses.items()):
                label = f"{name}, {'oscillates' if course.oscillates else 'converges'}"
                line = {"alpha": 0.35, "zorder": 1} if course.oscillates else {"zorder": 2}
                ax.plot(course[column], label=label, linewidth=1.2, **line)
            ax.set_title(f"{family}: {title}")
            ax.grid(alpha=0.3)
            if column == 1:
                ax.yaxis.set_major_locator(MaxNLocator(integer=True))
            else:
                ax.set_yscale("log")
                low, high = ax.get_ylim()
                ax.set_ylim(max(low, LIMITS[column][0]), min(high, LIMITS[column][1]))
        row[0].legend(fontsize=8)
    for ax in axes[1]:
        ax.set_xlabel("iteration")
    with atomic_path(path) as temporary:
        figure.savefig(str(temporary), dpi=110, format=path.rsplit(".", 1)[-1])
    plt.close(figure)


def main() -> None:
    """Runs the study and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", default="dq_parametrizations.png", help="picture to write")
    parser.add_argument("-l", "--learning-rate", type=float, default=1.0)
    parser.add_argument("-i", "--max-iter", type=int, default=1000)
    options = parser.parse_args()
    samples = np.random.RandomState(313).randn(10_000).astype(np.float32)
    families: Dict[str, Dict[str, Course]] = {}
    print(f"{'':20s}{'last error':>12s}{'lowest':>12s}{'bits':>6s}  (second half of iterations)")
    for family, quantizers in (("uniform", UNIFORM), ("powers of two", POWERS)):
        families[family] = {}
        for name, quantizer in quantizers.items():
            course = fit(quantizer, samples, options.learning_rate, options.max_iter)
            families[family][name] = course
            verdict = "oscillates" if course.oscillates else "converges"
            last, lowest = course.error[-1], course.error.min()
            print(f"{name:20s}{last:12.3g}{lowest:12.3g}{int(course.bits[-1]):6d}  {verdict}")
    draw(families, options.output)
    print(f"figure: {options.output}")


if __name__ == "__main__":
    main()
