# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What quantizers have in common whose codes stand for rows of a table."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, Mapping, Type, TypeVar

import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import Quantizer

_Kind = TypeVar("_Kind", bound="RowCoded")


class RowCoded(Quantizer):
    """A quantizer whose :meth:`encode` gives :class:`~nnabla_compress.row_codes.RowCodes`."""

    codes_rows: ClassVar[bool] = True
    most: ClassVar[Mapping[str, int]]
    """The largest value of each option, a whole number from 1."""

    def __post_init__(self) -> None:
        for name, most in self.most.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise ConfigError(
                    f"{self.type_name}: {name} is {value!r}.", help="give a whole number"
                )
            if not 1 <= value <= most:
                raise ConfigError(f"{self.type_name}: {name} is {value}, the range is 1 to {most}.")
            object.__setattr__(self, name, int(value))

    @classmethod
    def of(cls: Type[_Kind], args: Mapping[str, Any]) -> _Kind:
        """Returns the quantizer that the arguments of a node describe."""
        return cls(**{option.name: args[option.name] for option in fields(cls)})  # type: ignore
