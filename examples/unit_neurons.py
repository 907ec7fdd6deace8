# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What neurons with weights of length 1 are good for: training, and quantization without data.

Three questions, each answered for several seeds:

* functions of one and two numbers, learned by a small network from the same start with the same
  updates, by layers of NNabla's and by layers of unit neurons, whose thresholds begin at 0 or are
  drawn from their interval: which has the smallest error?
* LeNet on digits, trained plainly and with its neurons kept at length 1: which accuracy after
  how many updates?
* the same trained network, as it is and with its neurons normalized: what is lost by tables and
  codes of few bits, and by codes of a fixed grid from -1 to 1 that nothing was calibrated for?

    python examples/unit_neurons.py [--parts digits fits] [--seeds 0 1] [--fits 10] [-o FILE.json]
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
from nnabla.initializer import UniformInitializer

import nnabla_compress.parametric_functions as CPF
import nnabla_compress.solvers as CS
from nnabla_compress.analysis import unit_axes
from nnabla_compress.calibration import PostTrainingSettings, post_training_quantize
from nnabla_compress.data import load
from nnabla_compress.files import write_json
from nnabla_compress.graph import Network
from nnabla_compress.logs import quiet
from nnabla_compress.models.lenet import lenet
from nnabla_compress.runs.results import versions
from nnabla_compress.transforms import NormalizeNeurons

FUNCTIONS: Dict[str, Any] = {
    "sin(4 pi x)": (1, lambda x: np.sin(4 * np.pi * x[:, :1])),
    "|x|": (1, lambda x: np.abs(x[:, :1])),
    "exp(-8 |x|^2)": (2, lambda x: np.exp(-8 * np.square(x).sum(axis=1, keepdims=True))),
}
KINDS = ("plain", "unit", "unit, thresholds drawn")
PARTS = ("digits", "fits")
UPDATES, HIDDEN, POINTS = 1500, 20, 256
DIGIT_UPDATES, BATCH, LOOKED_AT = 450, 64, (50, 100, 200, 450)
WEIGHTS = {
    "affine, 4 bits, a scale a tensor": ("affine:bits=4", False),
    "affine, 3 bits, a scale a tensor": ("affine:bits=3", False),
    "affine, 4 bits, a scale a channel": ("affine:bits=4", True),
    "lut, 2 bits": ("lut:bits=2", False),
    "lut, 3 bits": ("lut:bits=3", False),
    "affine, 8 bits, a scale a tensor": ("affine:bits=8", False),
}


def fitted(function: str, kind: str, seed: int) -> float:
    """Root mean square error of a network of two hidden layers after all updates."""
    size, wanted = FUNCTIONS[function]
    nn.clear_parameters()
    rng = np.random.RandomState(seed)
    nn.random.prng = np.random.RandomState(seed)
    points = rng.uniform(-1, 1, (POINTS, size)).astype(np.float32)
    x, target = nn.Variable.from_numpy_array(points), nn.Variable((POINTS, 1))
    target.d = wanted(points)
    h = x
    for number in (1, 2):
        if kind != "plain":
            limit = float(np.sqrt(size)) if number == 1 else None
            start = None
            if limit is not None and kind != "unit":
                start = UniformInitializer((-limit, limit), rng=rng)
            name = f"h{number}"
            h = F.relu(CPF.unit_affine(h, HIDDEN, threshold=limit, b_init=start, name=name))
        else:
            h = F.relu(PF.affine(h, HIDDEN, name=f"h{number}"))
    y = PF.affine(h, 1, name="last")
    loss = F.mean(F.squared_error(y, target))
    solver = S.Adam(0.005)
    solver.set_parameters(nn.get_parameters())
    for _ in range(UPDATES):
        loss.forward(clear_no_need_grad=True)
        solver.zero_grad()
        loss.backward(clear_buffer=True)
        solver.update()
    tests = np.linspace(-1, 1, 41)
    grid = np.stack(np.meshgrid(*[tests] * size), axis=-1).reshape(-1, size).astype(np.float32)
    on_grid = Network({"x": x}, {"y": y}).on({"x": nn.Variable.from_numpy_array(grid)}).output
    on_grid.forward()
    return float(np.sqrt(np.square(on_grid.d - wanted(grid)).mean()))


def digits(unit: bool, seed: int, data: Any) -> Dict[str, Any]:
    """LeNet on digits: accuracy on test samples after some numbers of updates, and the network."""
    nn.clear_parameters()
    nn.random.prng = np.random.RandomState(seed)
    rng = np.random.RandomState(seed)
    train = data.split("train")
    x, labels = nn.Variable((BATCH, *train.x.shape[1:])), nn.Variable((BATCH, 1))
    y = lenet(x, 10)
    network = Network({"x": x}, {"y": y})
    loss = F.mean(F.softmax_cross_entropy(y, labels))
    plain = S.Momentum(0.02, 0.9)
    axes = unit_axes(y)
    solver = CS.UnitNorm(plain, axes) if unit else CS.Quantized(plain)
    solver.set_parameters(nn.get_parameters())
    if unit:
        for path, axis in axes.items():
            CS.put_on_sphere(nn.get_parameters()[path], axis)
    found: Dict[str, float] = {}
    for update in range(1, DIGIT_UPDATES + 1):
        rows = rng.randint(0, len(train.x), BATCH)
        x.d, labels.d = train.x[rows], train.y.reshape(-1, 1)[rows]
        loss.forward(clear_no_need_grad=True)
        solver.zero_grad()
        loss.backward(clear_buffer=True)
        solver.update()
        if update in LOOKED_AT:
            found[str(update)] = accuracy(network, data)
    return {"accuracy": found, "network": network.copy()}


def accuracy(network: Network, data: Any) -> float:
    """Share of right answers on the test samples."""
    test = data.split("test")
    with network.within():
        made = network.on({"x": nn.Variable.from_numpy_array(test.x)}).output
    made.forward(clear_buffer=True)
    return float((made.d.argmax(axis=1) == test.y.ravel()).mean())


def quantized(network: Network, data: Any, rule: str, per_channel: bool) -> float:
    """Accuracy with quantized weights; no step of the quantization looks at samples."""
    settings = PostTrainingSettings(
        weights=(rule,), activations=None, per_channel=per_channel, equalization=False
    )
    result = post_training_quantize(network.all_outputs, network.all_inputs, settings=settings)
    made = Network(dict(zip(network.inputs, result.inputs)), {"y": result.outputs[0]}, result.scope)
    return accuracy(made, data)


def with_maps(network: Network, data: Any, samples: bool) -> float:
    """Accuracy with weights and maps of 8 bits, ranges from samples or from that of the inputs."""
    settings = PostTrainingSettings(
        equalization=False, bias_correction=False, rounding=False, input_range=(0.0, 1.0)
    )
    given = [data.split("train").x[:256]] if samples else None
    result = post_training_quantize(network.all_outputs, network.all_inputs, given, settings)
    made = Network(dict(zip(network.inputs, result.inputs)), {"y": result.outputs[0]}, result.scope)
    return accuracy(made, data)


def on_fixed_grid(network: Network, data: Any, by_inputs: bool) -> float:
    """Accuracy with weights of neurons as multiples of a step that no weight was looked at for.

    It is 1/128; or, by the number n of inputs, of which weights of length 1 are about 1 / sqrt(n),
    the power of two above 4 / sqrt(n) over 128. The last layer has a 127th of its largest weight.
    """
    made = network.copy()
    with made.within():
        free = unit_axes(made.all_outputs)
        for path, parameter in nn.get_parameters().items():
            if path.endswith("/W"):
                step = float(np.abs(parameter.d).max()) / 127
                if path in free:
                    inputs = parameter.d.size / parameter.shape[free[path]]
                    limit = 2.0 ** np.ceil(np.log2(4 / np.sqrt(inputs))) if by_inputs else 1.0
                    step = min(limit, 1.0) / 128
                parameter.d = np.clip(np.round(parameter.d / step), -127, 127) * step
    return accuracy(made, data)


def measured(
    parts: List[str], seeds: List[int], fits: int, say: Callable[[Any], None]
) -> Dict[str, Any]:
    """All figures."""
    content: Dict[str, Any] = {"fits": [], "digits": [], "quantized": []}
    data = load("digits")
    for seed in seeds if "digits" in parts else []:
        for unit in (False, True):
            found = digits(unit, seed, data)
            row = {"seed": seed, "unit": unit, "accuracy": found["accuracy"]}
            content["digits"].append(row)
            say(row)
            if unit:
                continue
            network = found["network"]
            with network.within():
                normalized, decided = NormalizeNeurons(inputs=(0, 1)).apply(network.copy())
            kinds = {"as it is": network, "normalized": normalized}
            for name, each in kinds.items():
                scores = {kind: quantized(each, data, *how) for kind, how in WEIGHTS.items()}
                scores["fixed grid, steps of 1/128"] = on_fixed_grid(each, data, False)
                scores["fixed grid, steps by the number of inputs"] = on_fixed_grid(
                    each, data, True
                )
                scores["8 bits, maps from 256 samples"] = with_maps(each, data, True)
                scores["8 bits, maps from the range of the inputs"] = with_maps(each, data, False)
                row = {
                    "seed": seed,
                    "network": name,
                    "float": accuracy(each, data),
                    "accuracy": scores,
                    "taken_out": decided["shrink"]["remove"],
                }
                content["quantized"].append(row)
                say(row)
    for function in FUNCTIONS if "fits" in parts else []:
        for seed in range(fits):
            errors = {kind: fitted(function, kind, seed) for kind in KINDS}
            content["fits"].append({"function": function, "seed": seed, **errors})
            say(content["fits"][-1])
    return content


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--fits", type=int, default=10, help="seeds of the functions")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    with quiet():
        content = measured(
            given.parts, given.seeds, given.fits, lambda row: print(json.dumps(row), flush=True)
        )
    if given.output is not None:
        seeds = " ".join(map(str, given.seeds))
        head = {
            "command": "python examples/unit_neurons.py"
            f" --parts {' '.join(given.parts)} --seeds {seeds} --fits {given.fits}",
            "seed": given.seeds,
            "date": datetime.date.today().isoformat(),
            "versions": versions(),
        }
        write_json(given.output, {**head, **content})


if __name__ == "__main__":
    main()
