# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures of what a training does to weights: histograms before and after, and a series."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import layers
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.reading import read_text
from nnabla_compress.report.pictures import label, picture

# Bins are an odd number, so that 0 is in the middle of one.
_FEWEST_BINS, _MOST_BINS = 41, 161
_MOST_LEVELS = 64  # more of them would only blacken a picture
_MOST_ROWS = 24
_TOLD_BINS = 61


class Histogram(NamedTuple):
    """The float weights of a layer, counted.

    Args:
        counts: Weights in each bin, as shares of all.
        edges: Bounds of the bins, one more than bins.
        levels: Values that its quantizer has, none if channels have different ones.
    """

    counts: np.ndarray
    edges: np.ndarray
    levels: np.ndarray


def weight_histograms(outputs: Sequence[nn.Variable]) -> Dict[str, Histogram]:
    """Returns a histogram of the float weights of each layer of a graph, by its name.

    Args:
        outputs: Variables of one graph.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> w = np.linspace(-1, 1, 21).reshape(7, 3)
        >>> y = PF.affine(nn.Variable((1, 7)), 3, w_init=w, name="fc",
        ...               apply_w=Uniform(bits=2, initial_step=1))
        >>> found = weight_histograms([y])["fc/affine"]
        >>> found.levels.tolist(), round(float(found.counts.sum()), 6)
        ([-1.0, 0.0, 1.0], 1.0)
    """
    found: Dict[str, Histogram] = {}
    for layer in layers(outputs):
        values = np.asarray(layer.weight.d).reshape(-1)
        finite = np.isfinite(values)
        if not finite.all():
            values = values[finite]
        if not values.size or layer.shared:
            continue
        most = float(max(values.max(), -values.min())) or 1.0
        bins = int(np.clip(2 * np.sqrt(values.size), _FEWEST_BINS, _MOST_BINS)) | 1
        counts, edges = np.histogram(values, bins, (-most, most))
        levels = np.empty(0) if layer.quantizer is None else _levels(layer.quantizer)
        found[layer.name] = Histogram(counts / values.size, edges, levels)
    return found


def _levels(node: Any) -> np.ndarray:
    """The values that a quantizer of a weight has, none where they are not the same for all."""
    quantizer = quantizer_of(node)
    if quantizer is None:
        return np.empty(0)
    grid = quantizer.grid_of(node.info.args, node.inputs)
    if grid is not None:
        return grid.values() if len(grid.step) == 1 else np.empty(0)
    dictionary = getattr(quantizer.encode(node), "dictionary", None)
    return np.empty(0) if dictionary is None else np.unique(dictionary).astype(np.float64)


def histogram_rows(
    before: Mapping[str, Histogram], after: Mapping[str, Histogram], most: int = 64
) -> List[Dict[str, Any]]:
    """Returns histograms as JSON takes them, those before and after in the same bins.

    Args:
        before: As from :func:`weight_histograms`, of the float network.
        after: Those of the compressed one.
        most: Layers; of more the first ones are told.
    """
    rows = []
    for name, found in list(after.items())[:most]:
        reach = float(max(found.edges[-1], before[name].edges[-1] if name in before else 0))
        edges = np.linspace(-reach, reach, _TOLD_BINS + 1)
        row = {"layer": name, "low": -reach, "high": reach, "after": _rebinned(found, edges)}
        if name in before:
            row["before"] = _rebinned(before[name], edges)
        if 0 < len(found.levels) <= 2 * _MOST_LEVELS:
            row["levels"] = [float(f"{level:.6g}") for level in found.levels]
        rows.append(row)
    return rows


def _rebinned(found: Histogram, edges: np.ndarray) -> List[float]:
    """Shares in other bins, as if they were spread evenly over each of their own."""
    total = np.concatenate([[0.0], np.cumsum(found.counts)])
    shares = np.diff(np.interp(edges, found.edges, total))
    return [float(f"{share:.4g}") for share in shares]


def plot_weights(
    before: Mapping[str, Histogram], after: Mapping[str, Histogram], path: Path, title: str = ""
) -> None:
    """Draws the weights of each layer before and after, and the levels of its quantizer, as lines.

    Args:
        before: As from :func:`weight_histograms`.
        after: Likewise; layers that are in both are drawn, the first 24.
        path: The picture to write, such as ``weights.png``.
        title: Heading.
    """
    names = [name for name in after if name in before][:_MOST_ROWS]
    with picture(path, 9.0, 2.2 * max(len(names), 1) + 0.8, layout="constrained") as figure:
        for row, name in enumerate(names):
            levels = after[name].levels
            shown = levels if len(levels) <= _MOST_LEVELS else levels[:0]
            reach = 1.04 * float(max(before[name].edges.max(), after[name].edges.max()))
            for column, (when, histogram) in enumerate(
                (("before", before[name]), ("after", after[name]))
            ):
                axes = figure.add_subplot(len(names), 2, 2 * row + column + 1)
                for level in shown[np.abs(shown) <= reach]:
                    axes.axvline(level, color="tab:orange", linewidth=0.8, zorder=0)
                axes.stairs(100 * histogram.counts, histogram.edges, fill=True, color="tab:blue")
                axes.set_xlim(-reach, reach)
                said = f", {len(levels)} levels" if len(levels) else ""
                axes.set_title(f"{label(name)}, {when}{said if column else ''}", fontsize=8)
                axes.set_ylabel("weights in %", fontsize=7)
                axes.set_xlabel("value of a weight", fontsize=7)
                axes.tick_params(labelsize=7)
                for side in ("top", "right"):
                    axes.spines[side].set_visible(False)
        if title:
            figure.suptitle(label(title))


def plot_series(folder: Path, prefix: str, path: Path, title: str = "", axis: str = "") -> bool:
    """Draws the monitored series of a training whose names begin with a word, a line each.

    Args:
        folder: Where the monitors of the training are.
        prefix: The word: ``Beta`` for the series ``Beta conv1``.
        path: The picture to write, such as ``beta.png``.
        title: Heading.
        axis: What the numbers are.

    Returns:
        Whether there are such series, and so a picture.
    """
    files = sorted(folder.glob(f"{prefix}-*.series.txt"))
    if not files:
        return False
    with picture(path, 8.0, 4.5) as figure:
        axes = figure.add_subplot(1, 1, 1)
        for file in files:
            numbers = np.array(read_text(file).split(), np.float64).reshape(-1, 2)
            name = file.name[len(prefix) + 1 : -len(".series.txt")]
            axes.plot(numbers[:, 0] + 1, numbers[:, 1], marker=".", label=label(name))
        axes.set_xlabel("updates")
        axes.set_ylabel(axis or label(prefix.lower()))
        axes.set_ylim(bottom=0)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if len(files) <= _MOST_ROWS:
            axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        if title:
            axes.set_title(label(title))
        figure.tight_layout()
    return True
