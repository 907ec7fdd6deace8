# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks whose size comes from the data, beside perceptrons whose size was searched for.

Each set of two classes is fitted twice, by draws from the posterior (Gibbs) and at its mode (MAP),
on all training samples, without any choice of a size; and by scikit-learn's perceptron, whose
widths and weight decay a five-fold cross-validation chooses. Prints and writes errors on test
samples, parameters and hyperplanes; of the networks by Gibbs also the error of each number of
layers, and how far the exported file is from the fit in the simulator.

    python examples/parsimonious.py [--sets spirals ...] [--methods gibbs ...] [--seeds 0 1]
"""

from __future__ import annotations

import argparse
import datetime
import json
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import nnabla as nn
import numpy as np

from nnabla_compress.data import DataSet, load
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.files import write_json
from nnabla_compress.logs import quiet
from nnabla_compress.parsimonious import Parsimonious, fit_parsimonious
from nnabla_compress.runs.results import versions
from nnabla_compress.simulator import Machine

METHODS = ("gibbs", "map", "perceptron")
SETS = ("spirals", "rings", "bananas", "breast_cancer")
WIDTHS = ((4,), (16,), (64,), (8, 8), (32, 32), (64, 64))
DECAYS = (1e-4, 1e-2, 1.0)
FOLDS = 5


def error(predicted: np.ndarray, split: Any) -> float:
    """Share of samples with another label."""
    return float((predicted != split.y.ravel()).mean())


def perceptron(data: DataSet, seed: int) -> Dict[str, Any]:
    """The perceptron that cross-validation chooses."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = data.split("train"), data.split("test")
    net = MLPClassifier(solver="lbfgs", max_iter=1000, random_state=seed)
    grid = {
        "mlpclassifier__hidden_layer_sizes": list(WIDTHS),
        "mlpclassifier__alpha": list(DECAYS),
    }
    search = GridSearchCV(make_pipeline(StandardScaler(), net), grid, cv=FOLDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a search of its own stops after 1000 steps
        search.fit(train.x, train.y.ravel())
    chosen = search.best_estimator_[-1]
    return {
        "test_error": error(search.predict(test.x), test),
        "parameters": int(sum(w.size for w in (*chosen.coefs_, *chosen.intercepts_))),
        "widths": list(np.atleast_1d(chosen.hidden_layer_sizes).tolist()),
    }


def parsimonious(data: DataSet, method: str, seed: int) -> Dict[str, Any]:
    """The network whose size comes from the data."""
    train, test = data.split("train"), data.split("test")
    found = fit_parsimonious(train, method=method, seed=seed)
    row = {
        "test_error": error(found.predict(test.x), test),
        "train_error": error(found.predict(train.x), train),
        "parameters": found.parameters,
        "widths": [list(sides) for sides in found.widths],
        "tried": [list(sides) for sides in found.tried],
        "criteria": list(found.criteria),
    }
    if method == "gibbs":
        row["by_layers"] = [
            error(upto(found, depth).predict(test.x), test)
            for depth in range(1, len(found.layers) + 1)
        ]
        row.update(exported(found, test.x))
    return row


def upto(found: Parsimonious, depth: int) -> Parsimonious:
    """The same network without its last layers."""
    return replace(found, layers=found.layers[:depth])


def exported(found: Parsimonious, x: np.ndarray) -> Dict[str, Any]:
    """Bytes of the file for the C runtime, and how far its answers are from the fit's."""
    with tempfile.TemporaryDirectory() as folder:
        with found.network.within():
            outputs, inputs = found.network.output, found.network.inputs["x"]
            export_nnp(Path(folder) / "net.nnp", outputs, inputs)
        nnb = export_nnb(Path(folder) / "net.nnb", Path(folder) / "net.nnp")
        got = Machine(nnb).run_many([x])[0]
        size = Path(nnb).stat().st_size
    apart = np.abs(got[:, 1] - found.probability(x)).max()
    return {"nnb_bytes": size, "largest_difference": float(apart)}


def fitted(sets: List[str], seeds: List[int], methods: List[str]) -> List[Dict[str, Any]]:
    """Fits all, and prints a line each."""
    rows: List[Dict[str, Any]] = []
    for name in sets:
        for seed in seeds:
            nn.clear_parameters()
            data = load("two_classes", shape=name, draw=seed)
            for method in methods:
                began = time.process_time()
                if method == "perceptron":
                    row = perceptron(data, seed)
                else:
                    row = parsimonious(data, method, seed)
                took = round(time.process_time() - began, 1)
                rows.append({"set": name, "seed": seed, "method": method, **row, "cpu_s": took})
                print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Fits, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    with quiet():
        rows = fitted(given.sets, given.seeds, given.methods)
    if given.output is not None:
        seeds, sets = " ".join(map(str, given.seeds)), " ".join(given.sets)
        command = f"python examples/parsimonious.py --sets {sets} --seeds {seeds}"
        content = {
            "command": command,
            "seed": given.seeds,
            "date": datetime.date.today().isoformat(),
            "versions": versions(),
            "folds": FOLDS,
            "rows": rows,
        }
        write_json(given.output, content)


if __name__ == "__main__":
    main()
