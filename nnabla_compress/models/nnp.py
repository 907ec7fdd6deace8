# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks from ``.nnp`` files, made by a script or by Neural Network Console."""

from __future__ import annotations

import zipfile
import zlib
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import nnabla as nn
import numpy as np
from nnabla.logger import logger
from nnabla.utils.nnp_graph import NnpLoader, NnpNetworkPass

from nnabla_compress.data.paths import resolve_path
from nnabla_compress.errors import CompressError, ConfigError, DataError

# Names of the network that infers, best first: our exports, NNabla's examples, Console.
PREFERRED = ("Validation", "Runtime", "runtime", "MainRuntime")
# Last functions that turn logits into probabilities, without parameters.
ACTIVATIONS = ("Sigmoid", "Softmax", "LogSoftmax")
# Functions that only act while training and keep the shape.
_TRAINING_ONLY = ("Dropout", "RandomFlip", "RandomShift")
_MEAN, _VARIANCE = 3, 4  # inputs of BatchNormalization


@dataclass(frozen=True)
class LoadedNetwork:
    """A network of an ``.nnp`` file as a graph.

    Args:
        name: Name of the network in the file.
        inputs: Input variables by name; of a network that ends in a loss, the labels too.
        outputs: Output variables by name.
    """

    name: str
    inputs: Dict[str, nn.Variable]
    outputs: Dict[str, nn.Variable]

    @property
    def output(self) -> nn.Variable:
        """The only output.

        Raises:
            ConfigError: If there are several.
        """
        if len(self.outputs) != 1:
            raise ConfigError(
                f"network {self.name!r} has {len(self.outputs)} outputs: "
                f"{', '.join(self.outputs)}.",
                help="choose a network with one output",
            )
        return next(iter(self.outputs.values()))

    @property
    def head(self) -> str:
        """Type of the last function, e.g. ``"Affine"``, ``"Softmax"``, ``"BinaryCrossEntropy"``."""
        return str(self.output.parent.info.type_name)

    @property
    def logits(self) -> nn.Variable:
        """The output before its Sigmoid, Softmax or LogSoftmax, if it ends in one."""
        output = self.output
        return output.parent.inputs[0] if self.head in ACTIVATIONS else output


class NnpFile:
    """An ``.nnp`` file, read and checked once, from which graphs are built.

    All graphs built from one object share parameters.

    Args:
        path: The file.
        folder: Where a relative path starts.

    Raises:
        DataError: If the file is missing, cut short, damaged or no ``.nnp``, or holds a function
            that NNabla does not know.
    """

    def __init__(self, path: Union[str, Path], folder: Union[str, Path, None] = None) -> None:
        self.path = resolve_path(path, folder, "the .nnp file")
        _check_archive(self.path)
        with _readable(self.path), _quiet():
            # NnpLoader chooses by the ending of a name, and calls an unknown ending "omitted".
            with open(self.path, "rb") as stream:
                self._loader = NnpLoader(stream, extension=".nnp")
        if not self._loader.network_dict:
            raise DataError(f"{self.path} holds no network.", help="save it again with a network")
        with nn.parameter_scope("", self._loader.g.parameter_scope):
            self._stored = dict(nn.get_parameters(grad_only=False))
        for parameter in self._stored.values():
            if parameter.d.dtype != np.float32:  # NNabla reads .protobuf as float64
                parameter.data.cast(np.float32)

    @property
    def names(self) -> List[str]:
        """Names of the networks in the file."""
        return list(self._loader.get_network_names())

    def choose(self, network: Optional[str] = None) -> str:
        """Chooses a network.

        Args:
            network: Its name; by default the one that infers by its name (``PREFERRED``), or the
                only one.

        Returns:
            The name.

        Raises:
            ConfigError: If there is no such network, or several and none is named to infer.
        """
        listed = ", ".join(self.names)
        if network is not None:
            if network not in self.names:
                raise ConfigError(f"{self.path} has no network {network!r}.", help=f"has: {listed}")
            return network
        for name in PREFERRED:
            if name in self.names:
                return name
        if len(self.names) > 1:
            raise ConfigError(
                f"{self.path} has several networks: {listed}.", help="name one with network:"
            )
        return self.names[0]

    def input_shapes(self, network: Optional[str] = None) -> Dict[str, Tuple[int, ...]]:
        """Returns the shape of one sample of each input.

        Args:
            network: Name of the network, as of :meth:`choose`.

        Returns:
            Shapes without the batch axis, by name of the input.

        Raises:
            ConfigError: If there is no such network.
        """
        proto = self._loader.network_dict[self.choose(network)]
        return {name: tuple(proto.variables[name].shape[1:]) for name in proto.inputs}

    def build(
        self,
        network: Optional[str] = None,
        x: Optional[nn.Variable] = None,
        batch_size: Optional[int] = None,
        test: bool = True,
    ) -> LoadedNetwork:
        """Builds the graph of a network; its parameters land in the current parameter scope.

        Batch normalization uses the statistics of the batch if not ``test``, whatever the file
        says; its running statistics are never trained. Dropout and random flips and shifts
        disappear if ``test``.

        Args:
            network: Name of the network, as of :meth:`choose`.
            x: Variable that becomes the only input, (B, ...). By default new inputs are made.
            batch_size: Rows of the inputs where ``x`` is not given, by default as in the file.
            test: Whether to infer, or to train.

        Returns:
            The network.

        Raises:
            ConfigError: If ``x`` does not fit, or there is no such network.
            DataError: If parameters are missing or the graph can't be built.
        """
        name = self.choose(network)
        shapes = self.input_shapes(name)
        changes = self._changes(name, test)
        if x is not None:
            self._check_input(name, x, shapes)
            changes.set_variable(next(iter(shapes)), x)
            batch_size = x.shape[0]
        own_scope: OrderedDict[str, Any] = OrderedDict()
        with _readable(self.path, f"network {name!r} of "), _quiet():
            with nn.parameter_scope("", own_scope):
                built = self._loader.get_network(name, batch_size=batch_size, callback=changes)
                parameters = nn.get_parameters(grad_only=False)
        missing = sorted(set(parameters) - set(self._stored))
        if missing:
            raise DataError(
                f"{self.path} lacks {len(missing)} parameters of network {name!r}, such as "
                f"{missing[0]}.",
                help="save it again together with its parameters",
            )
        loaded = LoadedNetwork(name, dict(built.inputs), dict(built.outputs))
        for key in self._statistics(built.proto_network):
            parameters[key].need_grad = False
        for key, parameter in parameters.items():
            nn.parameter.set_parameter(key, parameter)
        return loaded

    def __call__(self, x: nn.Variable, test: bool, network: Optional[str] = None) -> nn.Variable:
        """Builds the chosen network on ``x`` and returns its only output, as models of the zoo do.

        Args:
            x: Inputs (B, ...).
            test: Whether to infer, or to train.
            network: Name of the network, as of :meth:`choose`.

        Returns:
            The output before a last Sigmoid, Softmax or LogSoftmax: logits.

        Raises:
            ConfigError: If the network has other inputs or several outputs.
            DataError: If it can't be built.
        """
        return self.build(network, x=x, test=test).logits

    def _check_input(self, name: str, x: nn.Variable, shapes: Dict[str, Tuple[int, ...]]) -> None:
        if len(shapes) != 1:
            raise ConfigError(
                f"network {name!r} of {self.path} has {len(shapes)} inputs: {', '.join(shapes)}.",
                help=f"choose one with network: that only infers; the file has "
                f"{', '.join(self.names)}",
            )
        expected = next(iter(shapes.values()))
        if tuple(x.shape[1:]) != expected:
            raise ConfigError(
                f"network {name!r} of {self.path} takes samples of the shape {expected}, got "
                f"{tuple(x.shape[1:])}.",
                help="use the data that the network was trained on",
            )

    def _changes(self, name: str, test: bool) -> NnpNetworkPass:
        changes = NnpNetworkPass()
        changes.set_batch_normalization_batch_stat_all(not test)

        @changes.on_generate_function_by_type("FusedBatchNormalization")
        def set_batch_stat(function: Any) -> Any:
            function.proto.fused_batch_normalization_param.batch_stat = not test
            return function

        if test:
            for function in self._loader.network_dict[name].functions.values():
                if function.type in _TRAINING_ONLY:
                    changes.remove_and_rewire(function.name)
        return changes

    @staticmethod
    def _statistics(proto: Any) -> List[str]:
        """Names of running means and variances: updated by the forward pass, never by a solver."""
        return [
            function.inputs[position]
            for function in proto.functions.values()
            if function.type in ("BatchNormalization", "FusedBatchNormalization")
            for position in (_MEAN, _VARIANCE)
        ]


def _check_archive(path: Path) -> None:
    again = "save or get the file again"
    if path.is_dir():
        raise DataError(f"{path} is a folder, not an .nnp file.", help="name the file in it")
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            members = archive.namelist()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise DataError(
            f"{path} is cut short, damaged or no .nnp file ({error}).", help=again
        ) from error
    except RuntimeError as error:  # how zipfile says that a member is encrypted
        raise DataError(f"{path} can't be read: {error}.", help=again) from error
    if broken is not None:
        raise DataError(f"{path} is damaged: the checksum of {broken} is wrong.", help=again)
    for kind, endings in (
        ("network", (".nntxt", ".prototxt")),
        ("parameters", (".h5", ".protobuf", ".nntxt", ".prototxt")),
    ):
        if not any(member.endswith(endings) for member in members):
            raise DataError(
                f"{path} holds no {kind} ({' or '.join('*' + ending for ending in endings)}), but "
                f"{', '.join(members) or 'nothing'}.",
                help=again,
            )


@contextmanager
def _readable(path: Path, what: str = "") -> Iterator[None]:
    """Turns whatever NNabla raises on a bad file into one message."""
    try:
        yield
    except CompressError:
        raise
    except Exception as error:  # text formats, HDF5, graph code: anything may come
        text = " ".join(str(error).split())
        reason = f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
        raise DataError(
            f"NNabla can't read {what}{path} ({reason}).",
            help="save or get the file again; functions of Python can't be stored in an .nnp",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps NNabla's log from saying what the error says already."""
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
