# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network as a project that the editor of Neural Network Console opens.

The editor wants what a training leaves: the networks ``Main`` and ``MainValidation``, which end in
a loss, ``MainRuntime``, data sets, an optimizer, two monitors and an executor. It takes the first
axis of every variable for the batch, so that nothing but element-wise functions may stand between
a parameter and its layer.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.files import atomic_path
from nnabla_compress.names import free_name

STORAGES = ("float", "int8")
"""How weights can be stored so that the editor shows them."""

_RUNTIME, _TRAINED, _VALIDATED = "MainRuntime", "Main", "MainValidation"
_TRAINING, _VALIDATION = "Training", "Validation"
_TEXT = "network.nntxt"
_CHANNELS, _WIDEST = (1, 3), 1000  # of what is an image, and of a vector of columns
_TARGET, _LOSS = "T", "Loss"
_BATCH, _EPOCHS = 64, 10
# Losses that have the last activation in themselves.
_BEFORE = {"SoftmaxCrossEntropy": "Softmax", "SigmoidCrossEntropy": "Sigmoid"}
# What may stand between a parameter and its layer.
_SHOWN = ("AddScalar", "Mul2", "MulScalar")
_OF_CLASSES = ("SoftmaxCrossEntropy", "CategoricalCrossEntropy")


@dataclass(frozen=True)
class ProjectLoss:
    """What the network of a project learns.

    Args:
        name: NNabla's name of the loss.
        axis: Of a loss of classes: the axis that these are on.
        delta: Of HuberLoss.
    """

    name: str
    axis: int = 1
    delta: float = 1.0


def write_project(path: Path, nnp: Path, loss: ProjectLoss) -> List[Path]:
    """Writes an exported network as a project of Neural Network Console.

    Its data sets are two CSV files beside it, ``<name>.training.csv`` and
    ``<name>.validation.csv``; where they are missing, they are begun with a header.

    Args:
        path: The file to write, ``<name>.console.nnp``.
        nnp: What :func:`~nnabla_compress.exporters.export_nnp` wrote for the target "portable".
        loss: What it learns.

    Returns:
        The files written.

    Raises:
        ConfigError: If the network has several outputs.
        UnsupportedFunctionError: If the editor could not show how a weight is decoded.
    """
    with zipfile.ZipFile(nnp) as stored:
        names = ("nnp_version.txt", _TEXT, "parameter.h5")
        members = {name: stored.read(name) for name in names}
    proto = _proto(members[_TEXT])
    stem = path.name.partition(".console")[0]
    data = [path.with_name(f"{stem}.{name}.csv") for name in ("training", "validation")]
    members[_TEXT] = _project_text(proto, loss, *(each.name for each in data)).encode("utf-8")
    with atomic_path(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as project:
            for name, content in members.items():
                project.writestr(name, content)
    missing = [each for each in data if not each.exists()]
    for each in missing:
        with atomic_path(each) as temporary:
            temporary.write_text(_header(proto) + "\n", encoding="utf-8")
    return [path, *missing]


def _header(proto: Any) -> str:
    """The first line of a data set for a network: a column for each input, and the label."""
    names = _columns(proto.executor[0])
    shapes = {each.name: list(each.shape.dim)[1:] for each in proto.network[0].variable}
    cells: List[str] = []
    for variable, name in names.items():
        shape = shapes[variable]
        if len(shape) == 3 and shape[0] in _CHANNELS:
            cells.append(f"{name}:image")
        elif len(shape) == 1 and shape[0] <= _WIDEST:
            cells += [f"{name}__{number}" for number in range(shape[0])]
        else:
            cells.append(name)
    return ",".join([*cells, "y:label"])


def _columns(executor: Any) -> Dict[str, str]:
    """What data sets call the inputs."""
    inputs = [each.variable_name for each in executor.data_variable]
    return {name: "x" if len(inputs) == 1 else name for name in inputs}


def _proto(text: bytes) -> Any:
    from google.protobuf import text_format
    from nnabla.utils import nnabla_pb2

    return text_format.Merge(text, nnabla_pb2.NNablaProtoBuf())


def _project_text(proto: Any, loss: ProjectLoss, training: str, validation: str) -> str:
    from google.protobuf import text_format

    network, runtime = proto.network[0], proto.executor[0]
    _name_layers(network)
    if len(runtime.output_variable) != 1:
        names = ", ".join(each.variable_name for each in runtime.output_variable)
        raise ConfigError(
            "a project of Console ends in a loss, which acts on one output; the network has "
            f"several: {names}.",
            help="leave --console out",
        )
    _check_shown(_decoders(network))
    output = runtime.output_variable[0].variable_name
    data = _columns(runtime)
    made = type(proto)()
    made.global_config.default_context.backends.append("cpu:float")
    made.global_config.default_context.array_class = "CpuCachedArray"
    made.training_config.max_epoch = _EPOCHS
    made.training_config.iter_per_epoch = 1
    made.training_config.save_best = True
    for name in (_TRAINED, _VALIDATED):
        _with_loss(made.network.add(), network, name, output, loss)
    made.network.add().CopyFrom(network)
    made.network[-1].name = _RUNTIME
    variables = [*data.values(), "y"]
    for name, uri in ((_TRAINING, training), (_VALIDATION, validation)):
        made.dataset.add(
            name=name,
            uri=uri,
            batch_size=_BATCH,
            shuffle=name == _TRAINING,
            variable=variables,
        )
    _add_optimizer(made, data)
    for name, dataset in (("train_error", _TRAINING), ("valid_error", _VALIDATION)):
        monitor = made.monitor.add(name=name, network_name=_VALIDATED, dataset_name=[dataset])
        _add_data(monitor, {**data, _TARGET: "y"})
        monitor.monitor_variable.add(type="Error", variable_name=_LOSS)
    executor = made.executor.add()
    executor.CopyFrom(runtime)
    executor.name, executor.network_name = "Executor", _RUNTIME
    for each in executor.data_variable:
        each.data_name = data[each.variable_name]
    return str(text_format.MessageToString(made))


def _with_loss(made: Any, network: Any, name: str, output: str, loss: ProjectLoss) -> None:
    """Makes a network that ends in a loss of the one that infers."""
    made.CopyFrom(network)
    made.name, made.batch_size = name, _BATCH
    last = next(each for each in made.function if output in each.output)
    prediction = output
    if last.type == _BEFORE.get(loss.name):
        prediction = last.input[0]
        made.function.remove(last)
        made.variable.remove(next(each for each in made.variable if each.name == output))
    shape = next(list(v.shape.dim) for v in made.variable if v.name == prediction)
    of_loss = list(shape)
    if loss.name in _OF_CLASSES:
        of_loss[loss.axis] = 1
    for variable in (_TARGET, _LOSS):
        made.variable.add(name=variable, type="Buffer").shape.dim.extend(of_loss)
    function = made.function.add(
        name=loss.name, type=loss.name, input=[prediction, _TARGET], output=[_LOSS]
    )
    if loss.name == "SoftmaxCrossEntropy":
        function.softmax_cross_entropy_param.axis = loss.axis
    elif loss.name == "CategoricalCrossEntropy":
        function.categorical_cross_entropy_param.axis = loss.axis
    elif loss.name == "HuberLoss":
        function.huber_loss_param.delta = loss.delta


def _add_optimizer(made: Any, data: Mapping[str, str]) -> None:
    """Adds Console's usual one, which leaves codes alone."""
    optimizer = made.optimizer.add(
        name="Optimizer", network_name=_TRAINED, dataset_name=[_TRAINING], update_interval=1
    )
    optimizer.solver.type = "Momentum"
    optimizer.solver.lr_decay, optimizer.solver.lr_decay_interval = 1.0, 1
    optimizer.solver.momentum_param.lr, optimizer.solver.momentum_param.momentum = 0.01, 0.9
    _add_data(optimizer, {**data, _TARGET: "y"})
    optimizer.loss_variable.add(variable_name=_LOSS)
    network = made.network[0]
    decoded = {name for each in _decoders(network) for name in each.input}
    for variable in network.variable:
        if variable.type == "Parameter":
            optimizer.parameter_variable.add(
                variable_name=variable.name,
                learning_rate_multiplier=0.0 if variable.name in decoded else 1.0,
            )


def _add_data(message: Any, names: Mapping[str, str]) -> None:
    for variable, column in names.items():
        message.data_variable.add(variable_name=variable, data_name=column)


def _name_layers(network: Any) -> None:
    """Gives functions and what they compute names without that of the network."""
    taken = {each.name for each in network.variable if not each.name.startswith("@")}
    new: Dict[str, str] = {}
    for each in network.variable:
        if each.name.startswith("@"):
            new[each.name] = free_name(each.name.rpartition("/")[2], taken)
            taken.add(new[each.name])
            each.name = new[each.name]
    for function in network.function:
        function.name = function.name.rpartition("/")[2]
        for names in (function.input, function.output):
            names[:] = [new.get(name, name) for name in names]


def _check_shown(decoders: Sequence[Any]) -> None:
    """Refuses what decodes a weight by functions that the editor takes for something else."""
    for function in decoders:
        if function.type not in _SHOWN:
            raise UnsupportedFunctionError(
                f"Console's editor can't show what decodes a weight: {function.type} of "
                f"{', '.join(function.input)}.",
                help=f"--console {STORAGES[0]} writes the values of all weights",
            )


def _decoders(network: Any) -> List[Any]:
    """Returns the functions that compute something of parameters alone."""
    known = {each.name for each in network.variable if each.type == "Parameter"}
    found: List[Any] = []
    for function in network.function:
        if function.input and known.issuperset(function.input):
            found.append(function)
            known.update(function.output)
    return found
