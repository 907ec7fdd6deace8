# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a training has beside its loss: terms, which the loop calls and knows nothing of."""

from __future__ import annotations

from typing import (
    Any,
    ClassVar,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Protocol,
    Tuple,
)

import nnabla as nn

from nnabla_compress.graph.network import Network
from nnabla_compress.named_options import NamedOptions, Registry
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.feed import Feed
from nnabla_compress.training.frozen import FrozenNetwork
from nnabla_compress.training.losses import Loss


class Training(Protocol):
    """What a term sees of the training that it belongs to."""

    @property
    def feed(self) -> Feed:
        """The variables that batches are put into."""

    @property
    def output(self) -> nn.Variable:
        """What the network makes of them: the loss acts on it; of exits the last one."""

    @property
    def outputs(self) -> List[nn.Variable]:
        """All exits in order; the only output of a network without."""

    @property
    def loss(self) -> nn.Variable:
        """The mean loss of a batch, shape ()."""

    @property
    def judge(self) -> Loss:
        """Which loss that is."""

    @property
    def total(self) -> int:
        """All updates of the training."""

    @property
    def seed(self) -> int:
        """What everything random is drawn with."""

    @property
    def quantizers(self) -> List[Any]:
        """The quantizer nodes of the network, in the order of execution."""

    def taught_by(self, teacher: Build) -> FrozenNetwork:
        """Returns a copy of another network, with its parameters as they are, on the same batches.

        All terms that ask for the same one get the same graph: it is computed once an update.

        Args:
            teacher: The other network.
        """

    def batches_behind(self, done: int, count: int) -> Iterator[None]:
        """Puts one batch after the other into the feed.

        Args:
            done: Updates done: the first of the batches is the one that is next.
            count: How many.
        """


class Term:
    """Something that a training minds beside its loss; a subclass does what it needs of this.

    A term keeps what must survive a kill in :meth:`state`, as JSON values by keys of its own.
    """

    leads: ClassVar[bool] = False
    """Whether it comes before the others, to which it gives the objective."""

    def network(self, outputs: List[nn.Variable]) -> List[nn.Variable]:
        """Returns what is trained in the place of the network: with other gradients, for instance.

        Args:
            outputs: What the loss acts on, of a network with exits each of them in order; scores
                and exports take the network without this.
        """
        return outputs

    def attach(self, training: Training) -> None:
        """Gets the training, once, when its graph is built and nothing is trained yet."""

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Returns what is to be minimized.

        Args:
            objective: What the loss and the terms before this one ask for, shape ().
        """
        return objective

    def parameters(self) -> Mapping[str, nn.Variable]:
        """Returns parameters of its own that are trained, too, by path.

        Checkpoints keep them; with the end of the training they are gone.
        """
        return {}

    def begin(self) -> None:
        """Is called before the first update; when resumed, :meth:`restore` follows."""

    def before_forward(self, iteration: int) -> None:
        """Is called before the batch of an update passes through the network.

        Args:
            iteration: Updates done.
        """

    def before_update(self, iteration: int) -> None:
        """Is called with all gradients there.

        Args:
            iteration: Updates done.
        """

    def after_update(self, iteration: int) -> None:
        """Is called when the solver has updated.

        Args:
            iteration: Updates done before this one.
        """

    def end_epoch(self, done: int) -> None:
        """Is called before the network is scored.

        Args:
            done: Updates done.
        """

    def monitors(self) -> Mapping[str, float]:
        """Returns what is written to the monitors, by the name of the series.

        That is after each epoch and, in long ones, some updates apart, a hundred times a training.
        """
        return {}

    def fits(self) -> bool:
        """Returns whether the network of now may be the best."""
        return True

    def state(self) -> Dict[str, Any]:
        """Returns what a checkpoint keeps."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes back what :meth:`state` returned; the keys of other terms are in it, too."""

    def outcome(self) -> Dict[str, Any]:
        """Returns what the training's outcome says of it, by name."""
        return {}


Terms = Tuple[Term, ...]
"""The terms of a training, in order."""


class TermOptions(NamedOptions):
    """How a recipe asks for a term; a subclass has its options as fields."""

    @property
    def needs_targets(self) -> bool:
        """Whether the training still learns from targets, beside this term."""
        return True

    @property
    def learns_from_teacher(self) -> bool:
        """Whether the term looks at its teacher."""
        return False

    @property
    def teacher_file(self) -> Optional[str]:
        """The file that its teacher is in; None: it is the network before its compression."""
        return None

    @property
    def settles_weight_bits(self) -> bool:
        """Whether it decides which bits weights have in the end: one term of a training can."""
        return False

    @property
    def shows_weights(self) -> bool:
        """Whether it moves weights so that a picture of them, before and after, tells of it."""
        return False

    @property
    def drawn_series(self) -> Mapping[str, str]:
        """How the names begin of monitors that a picture shows over time, and what they are."""
        return {}

    def make(self, teacher: Build) -> Term:
        """Returns the term.

        Args:
            teacher: The network before its compression, ``teacher(x, test)``.
        """
        raise NotImplementedError

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Returns what a user should know before the training, a line each.

        Args:
            outputs: Those of the network that is to be trained.

        Raises:
            CompressError: If what the term wants can't be reached.
        """
        return []

    def foresee_teacher(self, student: Network, teacher: Mapping[str, nn.Variable]) -> None:
        """Refuses a teacher that the term can't make use of.

        Args:
            student: The network that is to be trained, as it is in training.
            teacher: The outputs of the teacher by name, on the same inputs.

        Raises:
            ConfigError: If it is none for this network.
        """

    def budget_of(self, outputs: List[nn.Variable]) -> Optional[MemoryBudget]:
        """Returns what memory the term keeps a network to, None if it does not.

        Args:
            outputs: Those of the network.
        """
        return None


_REGISTRY = Registry("term", TermOptions)
register_term = _REGISTRY.register
terms = _REGISTRY.all


def term_of(entry: Any, where: str = "terms") -> TermOptions:
    """Returns the options of a term from what a recipe says, as of :meth:`Registry.make`."""
    return _REGISTRY.make(entry, where)
