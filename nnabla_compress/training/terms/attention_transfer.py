# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Attention transfer: a network looks where its teacher looks.

The attention of a map x at a position is the mean of the squares of its channels; that of a sample
is divided by its norm over the positions: ``a = vec(mean_c x_c^2) / ||.||_2``. The loss of a batch
is the mean over samples and positions of ``(a_student - a_teacher)^2``, added over all pairs of
maps. Channels may be of any number. So the authors' code has it, with a weight of 1000; their paper
writes ``1/2 ||a_student - a_teacher||_2`` (S. Zagoruyko, N. Komodakis, Paying more attention to
attention, arXiv:1612.03928).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence, Union

import nnabla as nn
import nnabla.functions as F
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.map_pairs import (
    MapPair,
    MapsOptions,
    check_positions,
    check_weight,
    named_pairs,
    pairs_of,
    taught_maps,
)
from nnabla_compress.training.terms.term import Term, Training, register_term

# Added to the square of a norm: a map of zeros has no attention, and no gradient.
_NO_ATTENTION = 1e-24


@dataclass
class AttentionTransfer(Term):
    """Which maps get the attention of a teacher's, and how much that counts.

    Args:
        teacher: The network that teaches, ``teacher(x, test)``. A copy of its parameters is made.
        maps: Names of maps that both networks have, or pairs of names.
        weight: Factor of the loss, positive.

    Raises:
        ConfigError: If no map is named, or the weight is out of range.
    """

    teacher: Build
    maps: Sequence[Union[str, MapPair]]
    weight: float = 1000.0

    def __post_init__(self) -> None:
        self.maps = pairs_of(self.maps)
        check_weight("attention_transfer", self.weight)
        self._loss, self._computed = nn.Variable(()), False

    def attach(self, training: Training) -> None:
        """Copies the teacher, as it is now."""
        self._computed = False
        pairs = taught_maps(training, self.teacher, pairs_of(self.maps), "attention_transfer")
        losses = [attention_loss(student, teacher) for student, teacher in pairs]
        self._loss = sum(losses[1:], losses[0])
        self._loss.persistent = True

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the losses of all pairs."""
        return objective + self.weight * self._loss

    def before_update(self, iteration: int) -> None:
        """Notices that there is a loss to monitor."""
        self._computed = True

    def monitors(self) -> Mapping[str, float]:
        """Returns the loss of the last batch, before its weight."""
        return {"Attention": float(self._loss.d)} if self._computed else {}


@register_term("attention_transfer")
class AttentionTransferOptions(MapsOptions):
    """Lets the network look where its teacher looks: the energy of maps at each position.

    Args:
        teacher: An ``.nnp`` file whose network teaches, on the same inputs. Left out, it is the
            network before its compression.
        maps: Names of maps that both networks have, such as ``conv1/conv/relu``, or pairs of
            names. Two may have other numbers of channels.
        weight: Factor of this loss, positive; it is added to the loss of the labels.
    """

    weight: float = 1000.0

    @model_validator(mode="after")
    def _in_range(self) -> AttentionTransferOptions:
        self.make(lambda x, test: x)
        return self

    def make(self, teacher: Build) -> AttentionTransfer:
        """Returns the term with its teacher."""
        return AttentionTransfer(teacher, self.maps, self.weight)

    def foresee_teacher(self, student: Network, teacher: Mapping[str, nn.Variable]) -> None:
        """Refuses maps that are not there, don't fit, or have a single position."""
        for s, t, where in named_pairs(student, teacher, self.maps, "attention_transfer"):
            check_positions(s, t, where)
            if min(s.size // s.shape[0] // s.shape[1], t.size // t.shape[0] // t.shape[1]) < 2:
                raise ConfigError(
                    f"{where} have a single position, where attention is always whole.",
                    help="choose maps with height and width; hints: compares channels",
                )


def attention(x: nn.Variable) -> nn.Variable:
    """Returns how much of a map lies at each position, (B, positions), of norm 1.

    Args:
        x: A map (B, C, ...).

    Example:
        >>> x = nn.Variable.from_numpy_array([[[3.0, 0.0], [0.0, 4.0]]]) ** 0.5
        >>> y = attention(x)
        >>> y.forward()
        >>> [[round(value, 6) for value in row] for row in y.d.tolist()]
        [[0.6, 0.8]]
    """
    energy = F.reshape(F.mean(x**2, axis=1), (x.shape[0], -1))
    norm = F.sum(energy**2, axis=1, keepdims=True) + _NO_ATTENTION
    return energy / norm**0.5


def attention_loss(student: nn.Variable, teacher: nn.Variable) -> nn.Variable:
    """Returns the mean squared difference of the attentions of two maps, a scalar.

    Args:
        student: A map (B, C, ...).
        teacher: Another one of as many samples and positions.
    """
    return F.mean(F.squared_error(attention(student), attention(teacher)))
