# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Samples that a user's own Python function gives: an iterator, a DataIterator or whole arrays."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union

import numpy as np

from nnabla_compress.data.splits import SPLITS, DataSet, Split
from nnabla_compress.data.user_function import find_function, import_path, reason
from nnabla_compress.data.wanted import Names, Wanted
from nnabla_compress.errors import CompressError, ConfigError, DataError
from nnabla_compress.logs import quiet
from nnabla_compress.spelling import did_you_mean

# What is collected where no limit is given: an iterator may have no end.
MOST_SAMPLES = 100_000
MOST_BYTES = 4 << 30


def python_source(
    path: str,
    function: str,
    split: str = "train",
    limit: Optional[int] = None,
    batched: Optional[bool] = None,
    x: Names = None,
    y: Optional[str] = None,
    n_classes: Optional[int] = None,
    layout: str = "auto",
    folder: Union[str, Path, None] = None,
    wanted: Optional[Wanted] = None,
) -> DataSet:
    """Collects what a function of the user's gives.

    The function returns an iterable of samples or of batches, each ``(x, y)``, ``x`` alone, or a
    dict by name; a ``nnabla.utils.data_iterator.DataIterator``, of which one epoch is taken; or
    whole arrays ``(x, y)``. A network with several inputs takes ``(a, b, y)`` in its order of
    inputs, or dicts. With an argument ``split`` the function is called with "train", "validation"
    and "test", and returns None for what it has not; a dict of these three will do, too.

    All samples are kept in memory, in their order, so that a training that is resumed meets the
    same ones: the function must give the same samples whenever it is called.

    Args:
        path: File or module, such as "my_data.py" or "my_package.data".
        function: Name of the function.
        split: Which split it gives, if it does not say.
        limit: Most samples of a split, at least 1. Without it more than 100,000 samples or 4 GB are
            refused.
        batched: Whether it gives batches. By default what the first shape says.
        x: Name of x in dicts; for several inputs a name for each.
        y: Name of y in dicts, or "x" for an autoencoder.
        n_classes: Number of classes; by default the largest label + 1.
        layout: Of four-dimensional x (see ``Split.checked``).
        folder: Where to look for the file or module first.
        wanted: What the network wants; one input and classes by default.

    Returns:
        The data set.

    Raises:
        ConfigError: If there is no such function, it fails, or an option has no meaning.
        DataError: If it gives nothing, too much, or arrays that don't fit.
    """
    if split not in SPLITS:
        raise ConfigError(f"data: split is {split!r}.", help=did_you_mean(split, SPLITS))
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ConfigError(f"data: limit is {limit!r}.", help="give a whole number from 1")
    if layout not in ("auto", "NCHW", "NHWC"):
        raise ConfigError(f"layout is {layout!r}.", help="choose auto, NCHW or NHWC")
    spec = f"{path}:{function}"
    made, start = find_function(spec, folder, "python data")
    wanted = (wanted or Wanted()).named(x, y)
    splits: Dict[str, Split] = {}
    with import_path(start), quiet():
        for name, given in _given(made, spec, split).items():
            if given is None:
                continue
            where = f"python data {spec!r}" + (f", {name}" if name != split else "")
            inputs, target = _Collector(wanted, where, limit, batched).collect(given)
            if not inputs and name != split:
                continue  # a generator can't return None
            if not inputs:
                raise DataError(f"{where} gave no samples: the set is empty.")
            wanted.check(inputs, target, where)
            splits[name] = Split.checked(
                inputs, target, where, n_classes, layout, targets=wanted.targets
            )
    if not splits:
        raise DataError(f"python data {spec!r} gave nothing.", help="return samples (x, y)")
    return DataSet.checked(
        spec, n_classes, splits.get("train"), splits.get("validation"), splits.get("test")
    )


def _given(function: Any, spec: str, split: str) -> Dict[str, Any]:
    """Calls the function and returns what it gave for each split."""
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some callables of C have none
        names = {}  # type: ignore[assignment]
    try:
        if "split" in names:
            return {name: function(split=name) for name in SPLITS}
        given = function()
    except CompressError:
        raise
    except Exception as error:
        raise ConfigError(
            f"python data {spec!r} failed with {reason(error)}.",
            help="define it as f() or f(split)",
        ) from error
    if isinstance(given, Mapping) and given and all(name in SPLITS for name in given):
        return dict(given)
    return {split: given}


@dataclass
class _Collector:
    """Puts the elements of an iterable together to arrays."""

    wanted: Wanted
    where: str
    limit: Optional[int]
    batched: Optional[bool]

    def collect(self, given: Any) -> Tuple[Dict[str, np.ndarray], Optional[np.ndarray]]:
        parts: Dict[str, List[np.ndarray]] = {}
        count = size = 0
        for element in self._elements(given):
            arrays = self._batch(element, count)
            rows = {name: len(values) for name, values in arrays.items()}
            if len(set(rows.values())) > 1:
                text = ", ".join(f"{number} of {_called(name)}" for name, number in rows.items())
                raise DataError(
                    f"{self.where}: a batch from sample {count} on has {text}.",
                    help="all arrays of a batch need the same number of rows",
                )
            for name, values in arrays.items():
                self._check_shape(parts.get(name), name, values, count)
                parts.setdefault(name, []).append(values)
                size += values.nbytes
            if parts.keys() != arrays.keys():
                raise DataError(
                    f"{self.where}: from sample {count} on other arrays come than before.",
                    help="give the same arrays, such as (x, y), each time",
                )
            count += next(iter(rows.values()))
            if self.limit is not None and count >= self.limit:
                break
            if self.limit is None and (count > MOST_SAMPLES or size > MOST_BYTES):
                raise DataError(
                    f"{self.where} gives more than {MOST_SAMPLES:,} samples or "
                    f"{MOST_BYTES >> 30} GB: its end was not reached after {count:,} samples.",
                    help="add limit=N to take the first N samples, or end the iterator",
                )
        whole = {name: np.concatenate(values)[: self.limit] for name, values in parts.items()}
        target = whole.pop("", None)
        return whole, target

    def _elements(self, given: Any) -> Iterator[Any]:
        from nnabla.utils.data_iterator import DataIterator

        if isinstance(given, DataIterator):
            self.batched = True
            yield from _one_epoch(given)
            return
        if isinstance(given, (tuple, np.ndarray)) or (
            isinstance(given, Mapping) and any(isinstance(v, np.ndarray) for v in given.values())
        ):
            self.batched = True
            yield given
            return
        count = 0
        try:
            for element in given:
                yield element
                count += 1
        except CompressError:
            raise
        except Exception as error:
            if count == 0 and not hasattr(given, "__iter__"):
                raise DataError(
                    f"{self.where} returned a {type(given).__name__}.",
                    help="return an iterator of (x, y), or arrays",
                ) from error
            raise DataError(
                f"{self.where} failed after {count} elements with {reason(error)}.",
                help="mend the function",
            ) from error

    def _batch(self, element: Any, count: int) -> Dict[str, np.ndarray]:
        """Arrays of one element with a batch axis, by the network's names; "" is the target."""
        inputs, target = self._named(element, count)
        found = {name: self._array(value, name, count) for name, value in inputs.items()}
        if target is not None:
            found[""] = self._array(target, "", count)
        if self.batched is None:
            self.batched = self._looks_batched(found)
        if not self.batched:
            return {name: value[np.newaxis] for name, value in found.items()}
        for name, value in found.items():
            if value.ndim == 0:
                raise DataError(
                    f"{self.where}: {_called(name)} of a batch is a single number.",
                    help="set batched=false if the iterator gives samples one by one",
                )
        return found

    def _named(self, element: Any, count: int) -> Tuple[Dict[str, Any], Any]:
        if isinstance(element, Mapping):
            inputs, target = self.wanted.pick(element)
            if len(inputs) < len(self.wanted.inputs):
                self.wanted.check(inputs, target, self.where)
            return inputs, target
        names = list(self.wanted.inputs)
        values = tuple(element) if isinstance(element, (tuple, list)) else (element,)
        if len(values) not in (len(names), len(names) + 1):
            raise DataError(
                f"{self.where}: the element from sample {count} on has {len(values)} parts.",
                help=f"give ({', '.join(names)}, y), or dicts",
            )
        inputs = dict(zip(names, values))
        target = values[-1] if len(values) > len(names) else None
        if target is None and self.wanted.target[0] in [n for n in self.wanted.inputs[names[0]]]:
            target = inputs[names[0]]  # y: x, an autoencoder
        return inputs, target

    def _array(self, value: Any, name: str, count: int) -> np.ndarray:
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.empty(0, object)
        if array.dtype.kind not in "buif":
            raise DataError(
                f"{self.where}: {_called(name)} from sample {count} on holds "
                f"{type(value).__name__ if array.dtype == object else array.dtype}, not numbers.",
                help="give NumPy arrays of numbers",
            )
        return array if array.dtype == np.uint8 or name == "" else array.astype(np.float32)

    def _looks_batched(self, found: Mapping[str, np.ndarray]) -> bool:
        name = next(iter(self.wanted.inputs))
        x, y = found[name], found.get("")
        rows_agree = y is None or (x.ndim > 0 and y.ndim > 0 and len(x) == len(y))
        if name in self.wanted.shapes:
            wanted, whole, row = (
                tuple(size for size in shape if size != 1)
                for shape in (self.wanted.shapes[name], x.shape, x.shape[1:])
            )
            if (whole == wanted) != (row == wanted):
                return row == wanted
        return rows_agree and x.ndim > 1

    def _check_shape(
        self, before: Optional[List[np.ndarray]], name: str, values: np.ndarray, count: int
    ) -> None:
        if before and values.shape[1:] != before[0].shape[1:]:
            raise DataError(
                f"{self.where}: {_called(name)} of sample {count} has the shape "
                f"{values.shape[1:]}, that of sample 0 has {before[0].shape[1:]}.",
                help="all samples need one shape",
            )


def _one_epoch(iterator: Any) -> Iterator[Any]:
    """The batches of one epoch of an endless DataIterator; the last one may be cut."""
    names, left = [str(name) for name in iterator.variables], int(iterator.size)
    while left > 0:
        batch = iterator.next()
        rows = min(len(batch[0]), left)
        arrays = tuple(np.asarray(values)[:rows] for values in batch)
        yield dict(zip(names, arrays)) if "x" in names else arrays
        left -= rows


def _called(name: str) -> str:
    return name or "y"
