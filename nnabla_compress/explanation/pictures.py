# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures of what a compression lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional, Sequence

import numpy as np

from nnabla_compress.explanation.changes import Change, Changes, ClassChange
from nnabla_compress.names import shortened
from nnabla_compress.report.pictures import label, picture

_MOST_NUMBERS = 20  # classes whose confusions are written as numbers
_MOST_NAMED = 60  # classes whose names fit beside a picture of confusions
_MOST_BARS = 40
_COLUMNS = 5
_LONGEST = 18  # characters of a class beside a sample
_DIMMED = 0.6  # samples behind maps
BEFORE, AFTER = "tab:gray", "tab:orange"


def draw_confusions(found: Changes, path: Path) -> None:
    """Draws how many samples of each class got each answer, before and after.

    Args:
        found: What changed.
        path: The picture to write.
    """
    counts = found.confusions()
    size = max(3.2, min(0.38 * found.classes, 9.0))
    most = max(int(each.max()) for each in counts)
    names = [label(name) for name in found.names]
    rows = "label" if found.labelled else "float network's answer"
    with picture(path, 2 * size + 2.2, size + 1.3, layout="constrained") as figure:
        figure.get_layout_engine().set(h_pad=0.1, w_pad=0.1)
        every = figure.subplots(1, 2)
        for axes, each, title in zip(every, counts, ("float", "compressed")):
            # Off the diagonal stand few: on a plain scale they would not be seen.
            axes.imshow(np.log1p(each), cmap="Blues", vmin=0, vmax=np.log1p(most))
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("answer", fontsize=9)
            axes.set_ylabel(rows, fontsize=9)
            if found.classes <= _MOST_NAMED:
                places = range(found.classes)
                long = max(map(len, names)) > 2
                axes.set_xticks(places, names, fontsize=8, rotation=90 if long else 0)
                axes.set_yticks(places, names, fontsize=8)
            if found.classes <= _MOST_NUMBERS:
                for (i, j), count in np.ndenumerate(each):
                    if count:
                        dark = np.log1p(count) > 0.6 * np.log1p(most)
                        colour = "white" if dark else "black"
                        axes.text(
                            j, i, f"{count}", ha="center", va="center", fontsize=7, color=colour
                        )


def draw_classes(found: Sequence[ClassChange], labelled: bool, path: Path) -> None:
    """Draws which part of each class is answered right, before and after.

    Args:
        found: The classes, those that lost most first; the first 40 are drawn.
        labelled: Whether there are labels.
        path: The picture to write.
    """
    shown = list(found)[:_MOST_BARS]
    places = np.arange(len(shown))
    with picture(path, 7.0, 1.3 + 0.34 * len(shown), layout="constrained") as figure:
        axes = figure.subplots()
        for offset, name, colour in ((-0.19, "before", BEFORE), (0.19, "after", AFTER)):
            if name == "before" and not labelled:
                continue
            parts = [100 * getattr(each, name) for each in shown]
            what = {"before": "float", "after": "compressed"}[name]
            axes.barh(places + offset * labelled, parts, 0.36, color=colour, label=what)
        names = [f"{label(each.name)} ({each.samples})" for each in shown]
        axes.set_yticks(places, names, fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        what = "right answers" if labelled else "answers as the float network's"
        axes.set_xlabel(f"{what} in %", fontsize=9)
        axes.set_ylabel("class (samples)", fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if labelled:
            axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def are_images(samples: np.ndarray) -> bool:
    """Returns whether samples can be shown: grey or coloured, with height and width.

    Args:
        samples: (N, ...).
    """
    return samples.ndim == 4 and samples.shape[1] in (1, 3) and min(samples.shape[2:]) > 1


def draw_changed(
    samples: np.ndarray,
    found: Sequence[Change],
    names: Sequence[str],
    path: Path,
    labelled: bool = True,
) -> None:
    """Draws samples with the answers of both networks.

    Args:
        samples: Images (N, C, H, W), one for each change.
        found: What became of them.
        names: Names of the classes.
        path: The picture to write.
        labelled: Whether there are labels.
    """
    rows = -(-len(found) // _COLUMNS)
    tall = 2.1 * _aspect(samples) + 0.75
    with picture(path, 2.1 * _COLUMNS, tall * rows, layout="constrained") as figure:
        every = figure.subplots(rows, _COLUMNS, squeeze=False).reshape(-1)
        for axes in every:
            axes.axis("off")
        for axes, pixels, each in zip(every, _pixels(samples), found):
            _show(axes, pixels)
            axes.set_title(_words(each, names, labelled), fontsize=7)


def draw_looks(
    samples: np.ndarray,
    found: Sequence[Change],
    names: Sequence[str],
    before: np.ndarray,
    after: np.ndarray,
    path: Path,
    labelled: bool = True,
) -> None:
    """Draws where both networks see the label of each sample, beside each other.

    Args:
        samples: Images (N, C, H, W).
        found: What became of them.
        names: Names of the classes.
        before: Where the float network looks, (N, H, W) from 0 to 1.
        after: Likewise the compressed one.
        path: The picture to write.
        labelled: Whether there are labels.
    """
    tall = 1.6 * _aspect(samples) + 0.1
    with picture(path, 7.4, tall * len(found) + 0.7, layout="constrained") as figure:
        every = figure.subplots(len(found), 4, squeeze=False, width_ratios=(1.4, 1, 1, 1))
        for axes in every.reshape(-1):
            axes.axis("off")
        what = "label" if labelled else "float network's answer"
        figure.suptitle(f"Where each network sees the {what}", fontsize=10)
        for column, title in enumerate(("sample", "float", "compressed"), 1):
            every[0, column].set_title(title, fontsize=9)
        for row, (pixels, each) in enumerate(zip(_pixels(samples), found)):
            every[row, 0].text(
                0.5, 0.5, _words(each, names, labelled), ha="center", va="center", fontsize=8
            )
            _show(every[row, 1], pixels)
            for column, looked in ((2, before[row]), (3, after[row])):
                _show(every[row, column], _grey(pixels), looked)


def _aspect(samples: np.ndarray) -> float:
    """Height of a picture by its width, as it is drawn."""
    height, width = samples.shape[2:]
    return float(min(max(height / width, 0.4), 2.5))


def _words(each: Change, names: Sequence[str], labelled: bool) -> str:
    class_, before, after = (
        label(shortened(names[answer], _LONGEST))
        for answer in (each.label, each.before, each.after)
    )
    lines = [
        f"sample {each.row}",
        *([f"label: {class_}"] if labelled else []),
        f"float: {before} ({100 * each.sure_before:.0f} %)",
        f"compressed: {after} ({100 * each.sure_after:.0f} %)",
    ]
    return "\n".join(lines)


def _pixels(samples: np.ndarray) -> List[np.ndarray]:
    """Images from 0 to 1, (H, W) or (H, W, 3), all on one scale."""
    values = np.asarray(samples, np.float64)
    values = np.nan_to_num(values)
    low, high = values.min(), values.max()
    values = (values - low) / (high - low if high > low else 1)
    return [each[0] if len(each) == 1 else np.moveaxis(each, 0, 2) for each in values]


def _grey(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 2 else pixels.mean(axis=2)


def _show(axes: Any, pixels: np.ndarray, looked: Optional[np.ndarray] = None) -> None:
    shade = 1.0 if looked is None else _DIMMED
    axes.imshow(shade * pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    if looked is not None:
        # Where the network does not look, the sample shows through.
        axes.imshow(looked, cmap="hot", vmin=0, vmax=1.2, alpha=looked, interpolation="nearest")
