# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks from ``.nnp`` files, made by a script or by Neural Network Console."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import nnabla as nn
import numpy as np
from nnabla.core.graph_def import ProtoNetwork
from nnabla.utils.nnp_graph import NnpNetworkPass

from nnabla_compress.data.paths import resolve_path
from nnabla_compress.errors import (
    CompressError,
    ConfigError,
    DataError,
    FixedBatchError,
    LimitError,
)
from nnabla_compress.function_types import TRAINING_ONLY
from nnabla_compress.graph.batches import follows_batch, graph_mixes_rows
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.limits import MOST_SAMPLES
from nnabla_compress.logs import ALL, quiet
from nnabla_compress.models.copies import Built, Copies
from nnabla_compress.models.heads import (
    Head,
    data_inputs,
    logits_of,
    stored_head,
    without_loss,
)
from nnabla_compress.models.network_files import network_file
from nnabla_compress.models.nnp_archive import Parameter, read_nnp, readable
from nnabla_compress.models.nnp_build import built, call
from nnabla_compress.models.nnp_checks import check_built, check_stored
from nnabla_compress.models.nnp_executors import executor_of
from nnabla_compress.models.nnp_ports import set_ports
from nnabla_compress.models.nnp_sizes import NetworkSizes
from nnabla_compress.models.nnp_statistics import statistics_note, statistics_of
from nnabla_compress.names import ascii_name, shown_name
from nnabla_compress.transforms.native_layers import native_as_nodes
from nnabla_compress.transforms.products import products_as_layers
from nnabla_compress.transforms.recurrent import recurrent_as_layers
from nnabla_compress.turns import one_at_a_time

# Names of the network that infers, best first: our exports, NNabla's examples, Console.
PREFERRED = ("Validation", "Runtime", "runtime", "MainRuntime")
_LARGE = 1 << 16  # values; those that say how a network was trained are fewer


class NnpFile:
    """A stored network, read and checked once, from which graphs are built.

    All graphs built from one object share parameters. ``executors`` holds the file's executors,
    ``data_names`` what its data sets call the inputs, by the name of the input, ``failures`` the
    errors of its networks that can't be read, by name; choosing one raises it.

    Args:
        path: An ``.nnp``; an ``.nntxt`` or ``.prototxt`` with its parameters in an ``.h5`` or
            ``.protobuf`` beside it; or a folder of results of Neural Network Console.
        folder: Where a relative path starts.

    Raises:
        DataError: If the file is missing, cut short, damaged or no ``.nnp``, holds no network, or
            declares sizes beyond any sense.

    Example:
        >>> import tempfile, nnabla.parametric_functions as PF
        >>> from nnabla_compress.exporters import export_nnp
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = PF.affine(x, 3, name="fc")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = export_nnp(f"{folder}/net.nnp", y, x)
        ...     NnpFile(f"{folder}/net.nnp").data_shapes()
        {'x': (4,)}
    """

    @one_at_a_time
    def __init__(self, path: Union[str, Path], folder: Union[str, Path, None] = None) -> None:
        self.path = network_file(resolve_path(path, folder, "the .nnp file"))
        self._probing = False
        self._made: Dict[str, nn.Variable] = {}
        self._copies = Copies()
        self._only_batch: Dict[str, Optional[int]] = {}
        self._follows: Dict[str, bool] = {}
        self._states: Dict[str, List[str]] = {}
        contents = read_nnp(self.path)
        self._limits = contents.limits
        self._stored: Dict[str, Parameter] = {}
        scope: OrderedDict[str, Any] = OrderedDict()
        with readable(self.path), quiet(ALL):
            with nn.parameter_scope("", scope):
                for key in list(contents.parameters):
                    parameter = contents.parameters.pop(key)
                    variable = nn.parameter.get_parameter_or_create(
                        key, parameter.values.shape, need_grad=parameter.need_grad
                    )
                    variable.data.cast(np.float32)[...] = parameter.values
                    if parameter.values.size > _LARGE:  # one copy of a large one is enough
                        parameter = replace(parameter, values=variable.d)
                    self._stored[key] = parameter
            self._networks = self._read_networks(contents.proto, scope)
        if not self._networks:
            for failure in self.failures.values():
                raise failure
            raise DataError(f"{self.path} holds no network.", help="save it again with a network")

    def _read_networks(self, proto: Any, scope: Dict[str, Any]) -> Dict[str, Any]:
        """Makes NNabla's description of each network that can be read."""
        self.executors = tuple(executor_of(message) for message in proto.executor)
        self.data_names: Dict[str, str] = {
            shown_name(variable.variable_name): variable.data_name
            for message in (*proto.monitor, *proto.optimizer, *proto.executor)
            for variable in message.data_variable
            if variable.data_name
        }
        self._data = {
            variable.variable_name
            for message in (*proto.monitor, *proto.optimizer)
            for variable in message.data_variable
        }
        self.failures: Dict[str, CompressError] = {}
        # Networks refer to their graph weakly.
        self._graph = nn.graph_def.ProtoGraph(parameter_scope=scope)
        networks: Dict[str, Any] = {}
        for message in proto.network:
            name = message.name
            if name in networks or name in self.failures:
                raise DataError(
                    f"{self.path} holds two networks {name[:80]!r}.", help="save it again"
                )
            try:
                with readable(self.path, f"network {name[:80]!r} of "):
                    check_stored(message, f"network {name[:80]!r} of {self.path}", self._limits)
                    random = np.random.RandomState(1223)
                    networks[name] = self._graph.networks[name] = ProtoNetwork.from_proto(
                        self._graph, message, random, None
                    )
                    states = set_ports(networks[name], self.executors, self._data)
                    self._states[name] = states
            except CompressError as error:
                self.failures[name] = error
        return networks

    @property
    def names(self) -> List[str]:
        """Names of the networks in the file, also of those that can't be read."""
        return [*self._networks, *self.failures]

    def choose(self, network: Optional[str] = None) -> str:
        """Chooses a network.

        Args:
            network: Its name; by default the one that infers by its name (``PREFERRED``), the one
                that the first executor runs, or the only one.

        Returns:
            The name.

        Raises:
            ConfigError: If there is no such network, or several and nothing says which infers.
        """
        listed = ", ".join(self.names)
        if network is not None:
            if network not in self.names:
                raise ConfigError(f"{self.path} has no network {network!r}.", help=f"has: {listed}")
            return network
        for name in PREFERRED:
            if name in self.names:
                return name
        run = [each.network for each in self.executors[:1] if each.network in self.names]
        if len(self.names) > 1 and not run:
            raise ConfigError(
                f"{self.path} has several networks: {listed}.",
                help="name one: by --network in the shell, network: in a recipe",
            )
        if run:
            return run[0]
        return self.names[0]

    def data_shapes(self, network: Optional[str] = None) -> Dict[str, Tuple[int, ...]]:
        """Returns the shape of one sample of each input but the target of the network's loss.

        Args:
            network: Name of the network, as of :meth:`choose`.

        Returns:
            Shapes without the batch axis, by name of the input.

        Raises:
            ConfigError: If there is no such network, or it has no such input.
        """
        name = self.choose(network)
        proto = self._network(name)
        shapes = {
            shown_name(key): tuple(proto.variables[key].shape[1:]) for key in data_inputs(proto)
        }
        if not shapes:
            raise ConfigError(
                f"network {name[:80]!r} of {self.path} has no input that takes data.",
                help=f"choose another network; the file has {', '.join(self.names)}",
            )
        return shapes

    def head(self, network: Optional[str] = None) -> Head:
        """Returns what the network ends in, and the loss that it or another one of the file has.

        Args:
            network: Name of the network, as of :meth:`choose`.
        """
        name = self.choose(network)
        others = [proto for other, proto in self._networks.items() if other != name]
        found = stored_head(self._network(name), others)
        return found if found.target is None else replace(found, target=shown_name(found.target))

    def stored_functions(self, network: Optional[str] = None) -> Dict[str, int]:
        """Returns how many functions of each type the file holds, loops not written out.

        Args:
            network: Name of the network, as of :meth:`choose`.
        """
        found = self._network(self.choose(network)).functions.values()
        return dict(Counter(function.type for function in found))

    def loops(self, network: Optional[str] = None) -> Dict[str, int]:
        """Returns how many turns each loop takes, by name; a graph is built of all turns.

        Args:
            network: Name of the network, as of :meth:`choose`.
        """
        return dict(self._network(self.choose(network)).repeat_info)

    def notes(self, network: Optional[str] = None) -> Tuple[str, ...]:
        """Returns what is computed otherwise than NNabla runs the file, a sentence each.

        Args:
            network: Name of the network, as of :meth:`choose`.
        """
        name = self.choose(network)
        statistics = statistics_note(self._network(name), self._stored)
        zeros = ", ".join(self.zeros(name))
        states = f"{zeros}: no executor of the file gives data to it, so it starts from zeros"
        return (*([statistics] if statistics else []), *([states] if zeros else []))

    @one_at_a_time
    def build(
        self,
        network: Optional[str] = None,
        x: Union[nn.Variable, Mapping[str, nn.Variable], None] = None,
        batch_size: Optional[int] = None,
        test: bool = True,
    ) -> Network:
        """Builds the graph of a network; its parameters land in the current parameter scope.

        Batch normalization uses the statistics of the batch if not ``test``, whatever the file
        says; its running statistics are never trained. Dropout and random flips and shifts
        disappear if ``test``.

        Args:
            network: Name of the network, as of :meth:`choose`.
            x: Variable that becomes the only input, (B, ...), or several by name of the input; the
                target of a loss is none of these. By default new inputs are made.
            batch_size: Rows of the inputs where ``x`` is not given, by default as in the file.
            test: Whether to infer, or to train.

        Returns:
            The network.

        Raises:
            ConfigError: If ``x`` does not fit, or there is no such network.
            DataError: If parameters are missing or the graph can't be built.
        """
        name = self.choose(network)
        given = {} if x is None else self._given_inputs(name, x)
        rows = {variable.shape[0] for variable in given.values()}
        batch_size = max(rows, default=batch_size)
        try:
            made = self._direct(name, given, batch_size, test)
        except LimitError:
            raise
        except CompressError as error:
            if not rows or rows == {self._own_rows(name)}:
                raise
            return self._follow(name, given, test, error)
        if rows and rows != {self._own_rows(name)} and not self._has_rows(made, max(rows)):
            return self._follow(name, given, test, None)
        return made

    def only_batch(self, network: Optional[str] = None) -> Optional[int]:
        """Returns the batch size that is written into a network, None if it takes any.

        Args:
            network: Name of the network, as of :meth:`choose`.
        """
        name = self.choose(network)
        if name not in self._only_batch:
            shapes = self.data_shapes(name)
            rows = 2 * self._own_rows(name)
            self._only_batch[name] = None
            try:
                with nn.parameter_scope("", OrderedDict()):
                    x = {key: nn.Variable((rows, *shape)) for key, shape in shapes.items()}
                    self._probing = True
                    self.build(name, x)
                    if self._is_sequence(name):
                        self._only_batch[name] = self._own_rows(name)
            except FixedBatchError as error:
                self._only_batch[name] = error.rows
            except CompressError:
                pass  # whoever builds it for use is told
            finally:
                self._probing = False
        return self._only_batch[name]

    def zeros(self, network: Optional[str] = None) -> List[str]:
        """Returns the variables that hold zeros as no executor gives data to them.

        Such are the first states of a recurrent network.

        Args:
            network: Name of the network, as of :meth:`choose`.
        """
        name = self.choose(network)
        return [shown_name(key) for key in self._states.get(name, ())]

    def _is_sequence(self, name: str) -> bool:
        """Whether the file writes out a first axis whose rows are computed from each other."""
        proto = self._network(name)
        written = {tuple(proto.variables[key].shape[:1]) for key in data_inputs(proto)}
        if len(written) != 1 or max(written) < (2,):
            return False
        made = self._direct(name, {}, None, True)
        outputs = [y for y in made.outputs.values() if {y.shape[:1]} == written]
        return graph_mixes_rows(outputs, made.all_inputs)

    def _own_rows(self, name: str) -> int:
        """The batch size that the file states."""
        proto = self._network(name)
        sizes = [proto.variables[key].shape[:1] for key in data_inputs(proto)]
        return max([size[0] for size in sizes if size] + [1, proto.batch_size or 1])

    def _has_rows(self, made: Network, rows: int) -> bool:
        """Whether outputs that have an axis of samples in the file have one of this many.

        Where none has, though no output is a single number, the first axis of the inputs is no axis
        of samples, such as the steps of a sequence: it stays as it is.
        """
        proto = self._network(made.name)
        size = self._own_rows(made.name)
        # The turns of a loop are no variables of the file: of these it states nothing.
        stored = {
            name: tuple(proto.variables[ascii_name(name)].shape[:1])
            if ascii_name(name) in proto.variables
            else ()
            for name in made.outputs
        }
        own = [name for name, first in stored.items() if first in ((-1,), (0,), (size,))]
        if not own and all(stored.values()):
            fed = {tuple(proto.variables[key].shape[:1]) for key in data_inputs(proto)}
            return fed != {(size,)} or rows == size
        return all(made.outputs[name].shape[:1] == (rows,) for name in own)

    def _follow(
        self,
        name: str,
        given: Mapping[str, nn.Variable],
        test: bool,
        error: Optional[CompressError],
    ) -> Network:
        """Builds a network with the batch size of the file, and makes it follow another one."""
        own = self._direct(name, {}, None, test)
        outputs, inputs = list(own.outputs.values()), list(own.inputs.values())
        rows = max(variable.shape[0] for variable in given.values())
        fed = [own.inputs[key] for key in given]
        if name not in self._follows:
            scored = own if test else self._direct(name, {}, None, True)
            self._follows[name] = follows_batch(
                [without_loss(y) for y in scored.outputs.values()],
                [scored.inputs[key] for key in given],
            )
        if not self._follows[name]:
            size = self._own_rows(name)
            self._direct(name, {}, size, test)  # which counts what a batch of that size takes
            why = "" if error is None else f" ({_first_line(error)})"
            raise FixedBatchError(
                f"network {name[:80]!r} of {self.path} can be computed with {size} sample(s) at a "
                f"time only: that batch size is written into it{why}.",
                help=f"use the batch size {size}, or save the network with "
                "variable_batch_size=True",
                rows=size,
            )
        new = dict(zip(fed, given.values()))
        for variable in inputs:
            if variable not in new and variable.ndim and variable.shape[0] == fed[0].shape[0]:
                new[variable] = nn.Variable((rows, *variable.shape[1:]))
        with nn.auto_forward(False):
            made = rebuild(outputs, inputs=new)
        sizes = self._sizes(f"network {name[:80]!r} of {self.path}", rows, rows)
        for function in functions(made):
            sizes.take(function.info.type_name, sum(math.prod(y.shape) for y in function.outputs))
        return Network(
            {key: new.get(variable, variable) for key, variable in zip(own.inputs, inputs)},
            dict(zip(own.outputs, made)),
            name=name,
        )

    def _sizes(self, where: str, chosen: Optional[int], own: int) -> NetworkSizes:
        """Counts for a batch: of the file's own nothing is computed, unless it takes no other."""
        rows = 2 * own if self._probing else own if chosen is None else min(chosen, MOST_SAMPLES)
        return NetworkSizes(self._limits, max(1, rows), where)

    def _direct(
        self,
        name: str,
        given: Mapping[str, nn.Variable],
        batch_size: Optional[int],
        test: bool,
    ) -> Network:
        """Builds a network as NNabla does, its parameters in the current parameter scope."""

        def build(given: Mapping[str, nn.Variable]) -> Built:
            return self._as_nnabla(name, given, batch_size, test)

        if given and not self._probing:
            made = self._copies.build((name, batch_size, test), given, build)
        else:
            made = build(given)
        for key, parameter in made.parameters.items():
            nn.parameter.set_parameter(key, parameter)
        return Network(made.inputs, made.outputs, name=name)

    def _as_nnabla(
        self,
        name: str,
        given: Mapping[str, nn.Variable],
        batch_size: Optional[int],
        test: bool,
    ) -> Built:
        changes = self._changes(name, test)
        for key, variable in given.items():
            changes.set_variable(ascii_name(key), variable)
        where = f"network {name[:80]!r} of {self.path}"
        parameters: OrderedDict[str, Any] = OrderedDict()
        with readable(self.path, f"network {name[:80]!r} of "), quiet(ALL), nn.auto_forward(False):
            with nn.parameter_scope("", OrderedDict()):
                flat = self._network(name).expand_loop_control()
                check_built(flat, self._stored, where)
                flat = flat.promote(changes)
                set_ports(flat, self.executors, self._data)
                rows = batch_size or max(1, flat.batch_size)
                call(flat, rows, self._sizes(where, batch_size, self._own_rows(name)), where)
            inputs, outputs = (built(flat, names, where) for names in (flat.inputs, flat.outputs))
            statistics = set(statistics_of(flat))
        for key, stored in flat.parameters.items():
            if stored.variable_instance is not None:
                parameters[key] = stored.variable_instance
                parameters[key].name = key
                if key in statistics:
                    parameters[key].need_grad = False
        with nn.auto_forward(False):
            made, found = recurrent_as_layers(list(outputs.values()), parameters, self._made)
            made, found = products_as_layers(made, found, self._made)
            made, found = native_as_nodes(made, found, self._made, test)
        has_own = list(map(id, found.values())) != list(map(id, parameters.values()))
        return Built(inputs, dict(zip(outputs, made)), found, has_own)

    def __call__(
        self,
        x: Union[nn.Variable, Mapping[str, nn.Variable]],
        test: bool,
        network: Optional[str] = None,
    ) -> nn.Variable:
        """Builds the chosen network on ``x`` and returns its only output, as models of the zoo do.

        Args:
            x: Input (B, ...), or several by name.
            test: Whether to infer, or to train.
            network: Name of the network, as of :meth:`choose`.

        Returns:
            The output before a last Sigmoid, Softmax or LogSoftmax: logits.

        Raises:
            ConfigError: If the network has other inputs or several outputs.
            DataError: If it can't be built.
        """
        return logits_of(self.build(network, x=x, test=test).output)

    def _network(self, name: str) -> Any:
        if name in self.failures:
            raise self.failures[name]
        return self._networks[name]

    def _given_inputs(
        self, name: str, x: Union[nn.Variable, Mapping[str, nn.Variable]]
    ) -> Dict[str, nn.Variable]:
        """Inputs by name, checked."""
        shapes = self.data_shapes(name)
        where = f"network {name!r} of {self.path}"
        if isinstance(x, nn.Variable):
            if len(shapes) != 1:
                raise ConfigError(
                    f"{where} has {len(shapes)} inputs: {', '.join(shapes)}.",
                    help=f"give data for each, or choose a network with one input; the file has "
                    f"{', '.join(self.names)}",
                )
            x = {next(iter(shapes)): x}
        if set(x) != set(shapes):
            raise ConfigError(
                f"{where} has the inputs {', '.join(shapes)}, got {', '.join(x)}.",
                help="give each of its inputs",
            )
        for key, variable in x.items():
            if tuple(variable.shape[1:]) != shapes[key]:
                raise ConfigError(
                    f"{where} takes samples of the shape {shapes[key]}"
                    f"{f' as {key}' if len(shapes) > 1 else ''}, got {tuple(variable.shape[1:])}.",
                    help="use the data that the network was trained on",
                )
        return dict(x)

    def _changes(self, name: str, test: bool) -> NnpNetworkPass:
        changes = NnpNetworkPass()
        changes.set_batch_normalization_batch_stat_all(not test)

        @changes.on_generate_function_by_type("FusedBatchNormalization")
        def set_batch_stat(function: Any) -> Any:
            function.proto.fused_batch_normalization_param.batch_stat = not test
            return function

        @changes.on_generate_function_by_type("SyncBatchNormalization")
        def set_batch_stat_of_all(function: Any) -> Any:
            function.proto.sync_batch_normalization_param.batch_stat = not test
            return function

        if test:
            for function in self._network(name).functions.values():
                if function.type in TRAINING_ONLY:
                    changes.remove_and_rewire(function.name)
        return changes


def _first_line(error: CompressError) -> str:
    return error.message.split("\n")[0].rstrip(".")
