# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks at 2 bits: fixed steps beside ranges and bits that are learned, and ways to train.

    python tests/benchmarks/measure_learned_steps.py docs/results/learned_steps.json
    python tests/benchmarks/measure_learned_steps.py docs/results/learned_steps_digits.json \\
        --digits --seeds 1,2,3,4,5
    python tests/benchmarks/measure_learned_steps.py docs/results/parametrizations.json \\
        --seeds 1 --ways U1 U2 U3 P1 P2 P3 U1+maps U2+maps U3+maps P1+maps P2+maps P3+maps

The trained ResNet-20 on a part of CIFAR-10, which ``NNABLA_COMPRESS_DATA`` names the folder of, or
LeNet on digits, trained first. All ways begin with the same network, see the same images in the
same order, and are scored on all test images. The file is written after each run, and runs that it
holds are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np

from nnabla_compress import data
from nnabla_compress.files import write_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from nnabla_compress.runs.results import begun
from nnabla_compress.training import Term, TermOptions
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Training, register_term

_DISTILL = {"distill": {"temperature": 2, "weight": 0.7}}
_LATE = {"from_start": False}
_NORMALIZED = {"bits": 2, "learn": "qmax", "gradients": "normalized", "rate": 1}
_LUT = {"quantizer": "lut", "grid_bits": 8}


@register_term("averaged")
class AveragedOptions(TermOptions):
    """Leaves the mean of the weights in the second half of a training behind."""

    def make(self, teacher: Build) -> Averaged:
        """Returns the term."""
        return Averaged()


class Averaged(Term):
    """As :class:`AveragedOptions` says."""

    def attach(self, training: Training) -> None:
        """Gets the weights."""
        self._total = training.total
        nodes = [node for node in training.quantizers if node.inputs[0].need_grad]
        self._sums = {node.inputs[0]: np.zeros(node.inputs[0].shape) for node in nodes}

    def after_update(self, iteration: int) -> None:
        """Adds the weights up."""
        if iteration >= self._total // 2:
            for weight, total in self._sums.items():
                total += weight.d

    def end_epoch(self, done: int) -> None:
        """Puts the mean in the place of the last weights."""
        if done == self._total:
            for weight, total in self._sums.items():
                weight.d = total / (done - done // 2)


@register_term("held")
class HeldOptions(TermOptions):
    """Holds steps and ranges in the last two fifths of a training at what they have come to."""

    def make(self, teacher: Build) -> Held:
        """Returns the term."""
        return Held()


class Held(Term):
    """As :class:`HeldOptions` says."""

    def attach(self, training: Training) -> None:
        """Gets the steps and ranges."""
        self._total = training.total
        self._learned = [v for node in training.quantizers for v in node.inputs[1:] if v.need_grad]
        self._values: List[np.ndarray] = []

    def after_update(self, iteration: int) -> None:
        """Puts back what an update has changed."""
        if iteration < 0.6 * self._total:
            self._values = [variable.d.copy() for variable in self._learned]
            return
        for variable, values in zip(self._learned, self._values):
            variable.d = values


@register_term("held_dictionaries")
class HeldDictionariesOptions(TermOptions):
    """Puts dictionaries back behind each k-means step: weights move between fixed values."""

    def make(self, teacher: Build) -> HeldDictionaries:
        """Returns the term."""
        return HeldDictionaries()


class HeldDictionaries(Term):
    """As :class:`HeldDictionariesOptions` says."""

    def attach(self, training: Training) -> None:
        """Gets the dictionaries."""
        self._dictionaries = [node.inputs[1] for node in training.quantizers]
        self._values: List[np.ndarray] = []

    def after_update(self, iteration: int) -> None:
        """Puts back what the step has changed."""
        if not self._values:
            self._values = [dictionary.d.copy() for dictionary in self._dictionaries]
        for dictionary, values in zip(self._dictionaries, self._values):
            dictionary.d = values


# What the quantizers of the paper learn, as in its table 1. From 4 bits, without a budget, at the
# rate of the weights, as published.
PARAMETRIZATIONS = {
    "U1": {"quantizer": "uniform", "learn": "b_d"},
    "U2": {"quantizer": "uniform", "learn": "b_qmax"},
    "U3": {"quantizer": "uniform", "learn": "d_qmax"},
    "P1": {"quantizer": "pow2", "learn": "b_qmax"},
    "P2": {"quantizer": "pow2", "learn": "b_qmin"},
    "P3": {"quantizer": "pow2", "learn": "qmin_qmax"},
}

# The rule for all layers, and what the training has beside it: the budget of the network, from
# its start or late. Several rules: one after the other, each for its part of the epochs; none:
# the rate of learning begins anew.
WAYS: Dict[str, List[Any]] = {
    "fixed": [{"bits": 2, "learn": None}, []],
    "range, rate 1": [{"bits": 2, "learn": "qmax", "rate": 1}, []],
    "range, rate 0.1": [{"bits": 2, "learn": "qmax"}, []],
    "range, rate 0.1, any step": [{"bits": 2, "learn": "qmax", "step": "real"}, []],
    "bits from 3, rate 1": [{"bits": 3, "rate": 1}, ["late"]],
    "bits from 3, rate 0.1": [{"bits": 3}, ["late"]],
    "bits from 2, rate 0.1": [{"bits": 2}, ["late"]],
    "bits within from 3": [{"bits": 3}, ["budget"]],
    "bits within from 4": [{"bits": 4}, ["budget"]],
    "fixed, distilled": [{"bits": 2, "learn": None}, [_DISTILL]],
    "range, rate 0.1, distilled": [{"bits": 2, "learn": "qmax"}, [_DISTILL]],
    "range, rate 0.1, held, distilled": [{"bits": 2, "learn": "qmax"}, [_DISTILL, {"held": {}}]],
    "range, normalized, any step, distilled": [{**_NORMALIZED, "step": "real"}, [_DISTILL]],
    "range, normalized, distilled": [_NORMALIZED, [_DISTILL]],
    "LUT": [[{**_LUT, "bits": 2}], []],
    "LUT, distilled": [[{**_LUT, "bits": 2}], [_DISTILL]],
    "LUT, distilled, held": [[{**_LUT, "bits": 2}], [_DISTILL, {"held_dictionaries": {}}]],
    "LUT, powers of two, distilled": [
        [{"quantizer": "lut", "bits": 2, "dictionary": "pow2"}],
        [_DISTILL],
    ],
    "LUT, distilled, two periods": [[{**_LUT, "bits": 2}, None], [_DISTILL]],
    "LUT, distilled, 4 bits first": [[{**_LUT, "bits": 4}, {**_LUT, "bits": 2}], [_DISTILL]],
    "LUT, distilled, 8, 4, 2 bits": [[{**_LUT, "bits": bits} for bits in (8, 4, 2)], [_DISTILL]],
    "LUT, distilled, 4 bits averaged": [
        [{**_LUT, "bits": 4}, {**_LUT, "bits": 2}],
        [_DISTILL, {"averaged": {}}],
    ],
}
for _name, _rule in PARAMETRIZATIONS.items():
    WAYS[_name] = [{**_rule, "bits": 4, "rate": 1}, []]
    WAYS[f"{_name}+maps"] = [{**_rule, "bits": 4, "rate": 1, "maps": True}, []]


def on_cifar10(images: int, epochs: float, folder: Path) -> Dict[str, Any]:
    """Returns a recipe without its quantizers and terms, on a part of the training images."""
    whole = data.load("cifar10", path=Path(os.environ["NNABLA_COMPRESS_DATA"]) / "cifar10")
    train, test = whole.split("train"), whole.split("test")
    arrays = {"x_train": train.x[:images], "y_train": train.y[:images]}
    np.savez(folder / "images.npz", x_test=test.x, y_test=test.y, **arrays)
    colours = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    training = {"epochs": epochs, "batch_size": 64, "learning_rate": 0.01, "weight_decay": 0.0001}
    return {
        "model": {"nnp": "$NNABLA_COMPRESS_DATA/models/resnet20_cifar10.nnp"},
        "data": {"source": "npz", "path": str(folder / "images.npz"), "validation": 1000},
        "preprocessing": {"scale": 1 / 255, **colours},
        "augmentation": {"name": "pad_crop_flip"},
        "steps": [],
        "training": {**training, "solver_options": {"momentum": 0.9}},
        "budget": {"budget": {"weights": "70 kB"}},
    }


def on_digits(epochs: float) -> Dict[str, Any]:
    """Returns the same of LeNet, which is trained first; the budget leaves 2.14 bits, too."""
    training = {"batch_size": 32, "weight_decay": 0.0001, "solver_options": {"momentum": 0.9}}
    return {
        "model": {"name": "lenet"},
        "data": {"source": "digits", "validation": 0.2},
        "steps": [{"train": {**training, "epochs": 30, "learning_rate": 0.05}}],
        "training": {**training, "epochs": epochs, "learning_rate": 0.01},
        "budget": {"budget": {"weights": 10_500 * 2.14 / 8, "strength": 1}},
    }


def carried_out(way: str, seed: int, on: Dict[str, Any], folder: Path) -> Dict[str, Any]:
    """Returns a row: what a way gave with a seed."""
    rule, terms = WAYS[way]
    late = {"budget": {**on["budget"]["budget"], **_LATE}}
    named = {"budget": on["budget"], "late": late}
    terms = [named[term] if isinstance(term, str) else term for term in terms]
    stages = rule if isinstance(rule, list) else [_dq(rule)]
    content = {
        **{key: value for key, value in on.items() if key not in ("training", "budget")},
        "name": "learned_steps",
        "seed": seed,
        "steps": [
            *on["steps"],
            *_steps(stages, on["training"], terms),
        ],
        "export": {"nnb": False},
    }
    begin = time.process_time()
    results = Run(Recipe.checked(content), folder / "run", folder).execute(
        lambda name, total: lambda *now: None
    )
    assert results.compressed is not None
    compressed = results.compressed.as_dict()
    return {
        "way": way,
        "seed": seed,
        "accuracy": compressed["accuracy"],
        "loss": compressed["loss"],
        "packed_bytes": compressed["packed_weight_bytes"],
        "cpu_s": round(time.process_time() - begin),
    }


def _dq(rule: Dict[str, Any]) -> Dict[str, Any]:
    rule = {"quantizer": "uniform", **rule}
    return {"step": "pow2", **rule} if rule["quantizer"] == "uniform" else rule


def _steps(
    stages: List[Any], training: Dict[str, Any], terms: List[Any]
) -> Iterator[Dict[str, Any]]:
    epochs = training["epochs"] / len(stages)
    for number, rule in enumerate(stages):
        if rule is not None:
            rule = dict(rule)
            maps = rule.pop("maps", False)
            rules = [{"layers": "*", **rule}]
            both = {"activations": rules} if maps else {}
            yield {"quantize": {"weights": rules, **both, "replace": number > 0}}
        last = number == len(stages) - 1
        asked = [term for term in terms if not (last and "averaged" in term)]
        yield {"train": {**training, "epochs": epochs, "terms": asked}}


def main() -> None:
    """Measures the ways in turn, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--digits", action="store_true", help="LeNet on digits")
    parser.add_argument("--images", type=int, default=13_500, help="1,000 are held out")
    parser.add_argument("--epochs", type=float, help="2; of LeNet 15")
    usual = [way for way in WAYS if way.split("+")[0] not in PARAMETRIZATIONS]
    parser.add_argument("--ways", nargs="+", default=usual, choices=list(WAYS))
    chosen = parser.parse_args()
    epochs = chosen.epochs or (15 if chosen.digits else 2)
    about = begun("learned_steps", 0)
    found: Dict[str, Any] = {
        "date": about.date,
        "versions": about.versions,
        "images": None if chosen.digits else chosen.images,
        "epochs": epochs,
        "rows": [],
    }
    if chosen.output.exists():
        found["rows"] = json.loads(chosen.output.read_text(encoding="utf-8"))["rows"]
    done = [(row["way"], row["seed"]) for row in found["rows"]]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        on = on_digits(epochs) if chosen.digits else on_cifar10(chosen.images, epochs, here)
        for seed in (int(text) for text in chosen.seeds.split(",")):
            for number, way in enumerate(chosen.ways):
                if (way, seed) in done:
                    continue
                place = here / f"{seed}-{number}"
                place.mkdir()
                found["rows"].append(carried_out(way, seed, on, place))
                write_json(chosen.output, found)
                print(json.dumps(found["rows"][-1]), flush=True)


if __name__ == "__main__":
    main()
