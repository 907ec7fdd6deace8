# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a form of factorization is: the layers that take a layer's place, and their weights."""

from __future__ import annotations

from typing import Callable, ClassVar, Dict, List, Optional, Sequence, Tuple, Type, TypeVar

import numpy as np

from nnabla_compress.decompositions import evbmf, rank_of_energy, tails
from nnabla_compress.errors import ConfigError
from nnabla_compress.transforms.factors.kernel import Kernel, Piece, map_behind

Ranks = Tuple[int, ...]
"""The ranks of one factorized layer, in the order that its form says."""

_MOST_PAIRS = 48  # first ranks that are tried where there are two


class Form:
    """One way to write a layer as several; a subclass is one form.

    Layers with groups are factorized group by group, all with the same ranks.
    """

    name: ClassVar[str] = ""
    from_responses: ClassVar[bool] = False
    """Whether it can be fitted to the layer's responses instead of its weights."""

    def refusal(self, kernel: Kernel) -> Optional[str]:
        """Returns why a layer has no such form, None if it has.

        Args:
            kernel: The layer.
        """
        raise NotImplementedError

    def largest(self, kernel: Kernel) -> Ranks:
        """Returns the largest ranks, with which every weight is met exactly.

        Args:
            kernel: The layer.
        """
        raise NotImplementedError

    def pieces(self, kernel: Kernel, ranks: Ranks) -> List[Piece]:
        """Returns the layers that take its place, in order.

        Args:
            kernel: The layer.
            ranks: The ranks, of each group.
        """
        raise NotImplementedError

    def factorize(
        self, block: np.ndarray, ranks: Ranks, responses: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        """Returns the weights of these layers for one group.

        Args:
            block: The weight, (outputs, inputs, kernel...).
            ranks: The ranks.
            responses: Second moments of the outputs, where the form can be fitted to them.
        """
        raise NotImplementedError

    def multiply(self, factors: Sequence[np.ndarray], block: Tuple[int, ...]) -> np.ndarray:
        """Returns the weight that layers stand for.

        Args:
            factors: As from :meth:`factorize`.
            block: Shape of the weight.
        """
        raise NotImplementedError

    def matrices(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns the matrices whose singular values the ranks cut off, one a rank.

        Args:
            block: The weight of one group.
        """
        raise NotImplementedError

    def values(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns the singular values that each rank cuts off.

        Args:
            block: The weight of one group.
        """
        return [np.linalg.svd(m, compute_uv=False) for m in self.matrices(block)]

    def factors(
        self,
        weight: np.ndarray,
        kernel: Kernel,
        ranks: Ranks,
        responses: Optional[np.ndarray] = None,
    ) -> List[np.ndarray]:
        """Returns the weights of the layers that take a layer's place.

        Args:
            weight: The layer's weight.
            kernel: The layer.
            ranks: The ranks.
            responses: Second moments of the outputs of each group, (groups, outputs, outputs).
        """
        found = [
            self.factorize(block, ranks, None if responses is None else responses[group])
            for group, block in enumerate(kernel.blocks(weight))
        ]
        together = [np.concatenate(parts) for parts in zip(*found)]
        shapes = [piece.shape for piece in self.pieces(kernel, ranks)]
        # An affine layer's weight counts inputs first.
        turned = [factor.T if kernel.affine else factor for factor in together]
        return [np.ascontiguousarray(f.reshape(s)) for f, s in zip(turned, shapes)]

    def product(self, factors: Sequence[np.ndarray], kernel: Kernel) -> np.ndarray:
        """Returns the weight that layers stand for.

        Args:
            factors: As from :meth:`factors`.
            kernel: The layer.
        """
        if kernel.affine:
            parts = [[np.asarray(f, np.float64).reshape(len(f), -1).T] for f in factors]
        else:
            parts = [np.split(np.asarray(f, np.float64), kernel.groups) for f in factors]
        shape = (kernel.outputs, kernel.inputs, *kernel.kernel)
        return kernel.whole(np.stack([self.multiply(group, shape) for group in zip(*parts)]))

    def weights(self, kernel: Kernel, ranks: Ranks) -> int:
        """Returns the number of weights of the layers that take a layer's place.

        Args:
            kernel: The layer.
            ranks: The ranks.
        """
        return sum(int(np.prod(piece.shape)) for piece in self.pieces(kernel, ranks))

    def macs(self, kernel: Kernel, ranks: Ranks) -> int:
        """Returns the operations of the layers that take a layer's place, for one sample.

        Args:
            kernel: The layer.
            ranks: The ranks.
        """
        total, shape = 0, kernel.map_shape
        for piece in self.pieces(kernel, ranks):
            if not kernel.affine:
                depthwise = piece.type == "DepthwiseConvolution"
                shape = map_behind(shape, piece.shape[1 if depthwise else 2 :], piece.moved)
            total += int(np.prod(piece.shape) * np.prod(shape, dtype=np.int64))
        return total

    def check(self, kernel: Kernel, ranks: Ranks, layer: str) -> None:
        """Refuses ranks that a layer can't have.

        Args:
            kernel: The layer.
            ranks: The ranks.
            layer: Its name.

        Raises:
            ConfigError: If their number is wrong, or one is out of range.
        """
        largest = self.largest(kernel)
        if len(ranks) != len(largest):
            raise ConfigError(
                f"factorize: {layer} has ranks {list(ranks)}, {self.name} takes {len(largest)}.",
                help="give one rank" if len(largest) == 1 else "give [inputs, outputs]",
            )
        for rank, most in zip(ranks, largest):
            if not 1 <= rank <= most:
                raise ConfigError(
                    f"factorize: the rank {rank} of {layer} is out of range.",
                    help=f"{self.name} of this layer takes 1 to "
                    + " and 1 to ".join(map(str, largest)),
                )

    def missing(self, weight: np.ndarray, kernel: Kernel) -> Callable[[Ranks], float]:
        """Returns a function of ranks: the part of the weight's energy that they leave out.

        Where several ranks cut off, it is a bound.

        Args:
            weight: The layer's weight.
            kernel: The layer.
        """
        of_groups = [[tails(v) for v in self.values(b)] for b in kernel.blocks(weight)]
        spectra = [np.sum(parts, axis=0) for parts in zip(*of_groups)]
        whole = max(float(spectra[0][0]), 1e-300)
        return lambda ranks: sum(float(tail[r]) for tail, r in zip(spectra, ranks)) / whole

    def of_energy(self, weight: np.ndarray, kernel: Kernel, energy: float) -> Ranks:
        """Returns the least ranks that keep a part of the weight's energy, each by itself.

        Args:
            weight: The layer's weight.
            kernel: The layer.
            energy: The part, above 0 and at most 1.
        """
        groups = [self.values(block) for block in kernel.blocks(weight)]
        return tuple(
            rank_of_energy(np.sqrt(np.mean(np.square(found), axis=0)), energy)
            for found in zip(*groups)
        )

    def of_noise(self, weight: np.ndarray, kernel: Kernel, factor: float) -> Ranks:
        """Returns the ranks that stand out of noise, by empirical variational Bayes.

        Args:
            weight: The layer's weight.
            kernel: The layer.
            factor: What they are multiplied by.
        """
        groups = [self.noise_ranks(block) for block in kernel.blocks(weight)]
        largest = self.largest(kernel)
        return tuple(
            min(most, max(1, int(np.ceil(factor * max(found)))))
            for found, most in zip(zip(*groups), largest)
        )

    def noise_ranks(self, block: np.ndarray) -> List[int]:
        """Returns the ranks of one group that stand out of noise.

        Args:
            block: Its weight.
        """
        return [evbmf(matrix).rank for matrix in self.matrices(block)]

    def of_cost(
        self,
        kernel: Kernel,
        missing: Callable[[Ranks], float],
        cost: Callable[[Ranks], float],
        most: float,
    ) -> Optional[Ranks]:
        """Returns the ranks with the least error that cost no more than a limit.

        Args:
            kernel: The layer.
            missing: What ranks leave out.
            cost: What ranks cost; more with each.
            most: The limit.

        Returns:
            The ranks, None if rank 1 costs more.
        """
        largest = self.largest(kernel)

        def fitting(before: Ranks, limit: int) -> int:
            low, high = 0, limit  # the largest last rank that fits, 0 if none does
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if cost((*before, middle)) <= most else (low, middle - 1)
            return low

        if len(largest) == 1:
            rank = fitting((), largest[0])
            return (rank,) if rank else None
        first = np.unique(np.linspace(1, largest[0], min(largest[0], _MOST_PAIRS)).astype(int))
        pairs = [(int(a), fitting((int(a),), largest[1])) for a in first]
        pairs = [pair for pair in pairs if pair[1]]
        if not pairs:
            return None
        return min(pairs, key=missing)


FORMS: Dict[str, Form] = {}
"""The forms by name."""
_Kind = TypeVar("_Kind", bound=Type[Form])


def register_form(name: str) -> Callable[[_Kind], _Kind]:
    """Returns the decorator that makes a form known.

    Args:
        name: What recipes call it.
    """

    def add(kind: _Kind) -> _Kind:
        kind.name = name
        FORMS[name] = kind()
        return kind

    return add
