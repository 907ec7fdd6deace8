# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""RANet: sub-networks of rising resolution, each of which gives answers of its own.

L. Yang et al., Resolution Adaptive Networks for Efficient Inference, CVPR 2020 (arXiv:2003.07326),
in its form for CIFAR. First layers make a base map for each sub-network, the smallest last. The
first sub-network is computed on the smallest maps: dense blocks, each with a classifier behind it.
Each further one works on larger maps, and its first blocks take the maps of the one before in:
brought to its own size, they are a quarter of what a layer adds. Only blocks behind these have
classifiers.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.initializer as I  # noqa: E741 - NNabla's own abbreviation
import nnabla.parametric_functions as PF

from nnabla_compress.graph.exits import exits_named
from nnabla_compress.models.ranet_plan import SHARE, RanetPlan


def ranet(
    x: nn.Variable,
    n_classes: int,
    test: bool = False,
    maps: int = 16,
    growth: int = 6,
    step: int = 2,
    steps: str = "lg",
    scales: Sequence[int] = (1, 2, 3),
    factors: Sequence[int] = (4, 2, 1),
    blocks: int = 2,
    more_blocks: int = 2,
    classifier_maps: int = 128,
) -> Dict[str, nn.Variable]:
    """Builds RANet, by default as the paper's six exits for CIFAR.

    Parameters: ``first{i}/...``, ``scale{s}/block{n}/...`` and ``exit{k}/...``.

    Args:
        x: Images (B, C, H, W).
        n_classes: Number of classes.
        test: Whether batch normalization uses its running statistics.
        maps: Channels of the first map, times the factor of the scale.
        growth: Channels that a layer of a block adds, times the factor of the scale.
        step: Layers of the first block.
        steps: How many layers further blocks have: ``lg``: ``step`` more than the one before;
            ``even``: as many.
        scales: Of each sub-network, from the smallest maps on: 1, and each the one before or one
            more; one more stands for maps of twice the side.
        factors: Of each sub-network: what ``maps`` and ``growth`` are multiplied by, and how many
            times its own channels the inner maps of a layer have.
        blocks: Blocks of the first sub-network.
        more_blocks: How many each further one has more.
        classifier_maps: Filters of the two convolutions of a classifier.

    Returns:
        Logits (B, n_classes) of ``exit1`` and so on, in the order in which they are computed.

    Raises:
        ConfigError: If the input is no image or too small, or an option is out of range.

    Example:
        >>> with nn.parameter_scope("example"):
        ...     found = ranet(nn.Variable((1, 1, 8, 8)), 10, maps=4, growth=4, scales=(1, 2),
        ...                   factors=(2, 1), classifier_maps=8)
        >>> list(found), found["exit1"].shape
        (['exit1', 'exit2', 'exit3', 'exit4'], (1, 10))
    """
    plan = RanetPlan(maps, growth, step, steps, tuple(scales), tuple(factors), blocks, more_blocks)
    plan.check(x)
    bases = _first_layers(x, plan, test)
    exits: List[nn.Variable] = []
    before: List[List[nn.Variable]] = []
    for number, base in enumerate(bases):
        h, made = base, []
        for block in range(1, plan.count(number) + 1):
            with nn.parameter_scope(f"scale{number + 1}/block{block}"):
                low = before[block - 1] if block <= len(before) else None
                h, features = _block(h, low, plan, number, block, test)
            made.append(features)
            if low is None:
                with nn.parameter_scope(f"exit{len(exits) + 1}"):
                    exits.append(_classifier(h, n_classes, classifier_maps, test))
        before = made
    return exits_named(exits)


def _first_layers(x: nn.Variable, plan: RanetPlan, test: bool) -> List[nn.Variable]:
    """The base maps of all sub-networks, the smallest first."""
    found: List[nn.Variable] = []
    h = x
    for number in range(len(plan.scales) - 1, -1, -1):
        last = number == len(plan.scales) - 1
        stride = 1 if last or plan.scales[number] == plan.scales[number + 1] else 2
        channels = plan.maps * plan.factors[number]
        h = _convolution(h, channels, 3, stride, test, f"first{len(found) + 1}")
        found.append(h)
    return found[::-1]


def _block(
    x: nn.Variable,
    low: Optional[List[nn.Variable]],
    plan: RanetPlan,
    number: int,
    block: int,
    test: bool,
) -> Tuple[nn.Variable, List[nn.Variable]]:
    """A dense block, fed by one of the sub-network before if there is one.

    Returns:
        What the next block and the classifier get, and all maps for the next sub-network.
    """
    growth, width = plan.growth * plan.factors[number], plan.factors[number]
    h, features = x, [x]
    for layer in range(plan.layers(block)):
        stride = 2 if plan.halves(number, block) and layer == plan.layers(block) - 1 else 1
        with nn.parameter_scope(f"layer{layer + 1}"):
            if low is None:
                h = F.concatenate(h, _bottleneck(h, growth, width, stride, test, "own"), axis=1)
            else:
                h = _fused(h, low[layer], growth, (plan.factors[number - 1], width), stride, test)
        features.append(h)
    if low is not None:
        taken = _convolution(low[-1], h.shape[1] // SHARE, 1, 1, test, "taken")
        h = F.concatenate(h, _resized(taken, h), axis=1)
    if plan.compresses(number, block):
        h = _convolution(h, h.shape[1] // 2, 1, 1, test, "transition")
    return h, features


def _fused(
    x: nn.Variable,
    low: nn.Variable,
    growth: int,
    widths: Tuple[int, int],
    stride: int,
    test: bool,
) -> nn.Variable:
    """A layer that adds maps of its own and of smaller ones."""
    taken = _bottleneck(low, growth // SHARE, widths[0], 1, test, "taken")
    own = _bottleneck(x, growth - growth // SHARE, widths[1], stride, test, "own")
    return F.concatenate(_resized(x, own), _resized(taken, own), own, axis=1)


def _bottleneck(
    x: nn.Variable, maps: int, width: int, stride: int, test: bool, name: str
) -> nn.Variable:
    with nn.parameter_scope(name):
        h = _convolution(x, min(x.shape[1], width * maps), 1, 1, test, "inner")
        return _convolution(h, maps, 3, stride, test, "outer")


def _resized(x: nn.Variable, like: nn.Variable) -> nn.Variable:
    if x.shape[2:] == like.shape[2:]:
        return x
    return F.interpolate(x, output_size=like.shape[2:], mode="linear", align_corners=True)


def _classifier(x: nn.Variable, n_classes: int, maps: int, test: bool) -> nn.Variable:
    h = _convolution(x, maps, 3, 2, test, "first")
    h = _convolution(h, maps, 3, 2, test, "second")
    return PF.affine(F.average_pooling(h, h.shape[2:]), n_classes, name="fc")


def _convolution(
    x: nn.Variable, maps: int, side: int, stride: int, test: bool, name: str
) -> nn.Variable:
    """Convolution without bias, batch normalization, ReLU."""
    deviation = I.calc_normal_std_he_backward(x.shape[1], maps, (side, side))
    with nn.parameter_scope(name):
        h = PF.convolution(
            x,
            maps,
            (side, side),
            pad=(side // 2, side // 2),
            stride=(stride, stride),
            w_init=I.NormalInitializer(deviation),
            with_bias=False,
        )
        return F.relu(PF.batch_normalization(h, decay_rate=0.9, eps=1e-5, batch_stat=not test))
