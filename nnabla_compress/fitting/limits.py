# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a device has room for, and how much accuracy may be lost for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, List, NamedTuple, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.sizes import parse_size, size_text


class Sizes(NamedTuple):
    """What a network takes of a device.

    Args:
        file: Bytes of the ``.nnb``.
        code: Bytes of the C kernels that it needs beside the runtime.
        ram: Bytes of the runtime's buffers.

    Example:
        >>> Sizes(file=100, code=20, ram=7).flash
        120
    """

    file: int
    code: int
    ram: int

    @property
    def flash(self) -> int:
        """Bytes of file and code together."""
        return self.file + self.code

    def text(self) -> str:
        """Returns both as words."""
        code = f" ({self.code:,} of them C kernels)" if self.code else ""
        return f"flash {self.flash:,} bytes{code}, RAM {self.ram:,} bytes"


@dataclass(frozen=True)
class Limits:
    """What a network must keep to.

    Args:
        flash: Most bytes of the ``.nnb`` and the C kernels that it needs.
        ram: Most bytes of the runtime's buffers.
        drop: Most points of accuracy, 0 to 100, that may be lost on held-out samples.

    Raises:
        ConfigError: If the drop is out of its range.

    Example:
        >>> limits = Limits.of("1 kB", "512 B", 1.5)
        >>> limits.hold(Sizes(900, 0, 500)), limits.missed(Sizes(900, 200, 500))
        (True, ['flash by 76 B'])
    """

    flash: int
    ram: int
    drop: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.drop) and 0 <= self.drop <= 100):
            raise ConfigError(
                f"--accuracy-drop is {self.drop:g}.", help="give points of accuracy, such as 1.0"
            )

    @classmethod
    def of(cls, flash: Union[str, float], ram: Union[str, float], drop: float = 1.0) -> Limits:
        """Makes limits of sizes as people write them.

        Args:
            flash: Such as "256kB" or 262144.
            ram: Likewise.
            drop: Points of accuracy.

        Raises:
            ConfigError: If one is no size.
        """
        return cls(int(parse_size(flash, "--flash")), int(parse_size(ram, "--ram")), drop)

    def hold(self, sizes: Sizes) -> bool:
        """Returns whether a network is small enough.

        Args:
            sizes: What it takes.
        """
        return sizes.flash <= self.flash and sizes.ram <= self.ram

    def missed(self, sizes: Sizes) -> List[str]:
        """Returns which sizes are too large, and by how much.

        Args:
            sizes: What a network takes.
        """
        found = (("flash", sizes.flash, self.flash), ("RAM", sizes.ram, self.ram))
        return [f"{name} by {size_text(used - most)}" for name, used, most in found if used > most]

    def as_dict(self) -> Any:
        """Returns the limits by name."""
        return {"flash": self.flash, "ram": self.ram, "drop": self.drop}
