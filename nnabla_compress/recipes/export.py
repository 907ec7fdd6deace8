# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The ``export`` of a recipe: what is written in the end."""

from __future__ import annotations

from typing import Any, Dict, Literal, Optional

from pydantic import Field, model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.options import Options, validated


class ExportPart(Options):
    """What is written in the end, as :func:`nnabla_compress.exporters.export_nnp` does it.

    Args:
        target: What the files are for.
        storage: How quantized weights are stored: ``smallest`` for what takes the fewest bytes,
            ``float`` for their values, or the name of one scheme.
        snap_dictionary: Whether free dictionaries are put on an integer grid, so that a device
            decodes them exactly.
        prefer: What counts where decoding a weight takes memory of the device: ``flash``, the
            smallest file; ``ram``, the smallest one whose buffers take no more than the float
            network's; ``both``, the least sum.
        nnb: Whether an ``.nnb`` for the C runtime is written beside the ``.nnp``.
        api: API level of the C runtime that the ``.nnb`` is for.
        batch_size: Samples that the exported network takes at once.
        c: Whether the ``.nnb`` is also written as C source.
        samples: Samples, drawn at random, that targets choose number formats by; at most 256 are
            used.
        exits: Of a network with exits, whose ``.nnb`` computes all of them: what is written beside
            it. ``prefixes``: a file for each exit that needs no other; ``stages``: files that hand
            maps on, so that a program can go on behind an exit that is not confident. With ``c``
            stages come with that program. None: nothing.
        console: Whether a project is written beside it that the editor of Neural Network Console
            opens: with weights as ``float`` or as ``int8``; None: it is not.
        score: Whether the ``.nnb`` is scored as it is written, in the simulator of the C runtime,
            on the samples that the network is scored on.

    Example:
        >>> part = ExportPart(target="int8", api=3)
        >>> part.for_float().target, part.for_float().api
        ('portable', 3)
    """

    target: str = "portable"
    storage: str = "smallest"
    snap_dictionary: bool = False
    prefer: str = "flash"
    nnb: bool = True
    api: int = Field(default=44, ge=1, le=45)
    batch_size: int = Field(default=1, ge=1)
    c: bool = False
    samples: int = Field(default=128, ge=1)
    console: Optional[Literal["float", "int8"]] = None
    exits: Optional[Literal["prefixes", "stages"]] = None
    score: bool = False

    @model_validator(mode="after")
    def _known(self) -> ExportPart:
        # Exporters take a while to load: not every reader of a recipe exports.
        from nnabla_compress.lowering.storage import check_storage
        from nnabla_compress.lowering.weigh import check_preference
        from nnabla_compress.targets import target_named

        target_named(self.target)
        check_storage(self.storage)
        check_preference(self.prefer)
        if self.score and not self.nnb:
            raise ConfigError(
                "export: the .nnb is to be scored, and none is written.",
                help="leave out nnb: false (in the shell --no-nnb), or score",
            )
        return self

    @property
    def options(self) -> Dict[str, Any]:
        """Arguments of ``export_nnp`` beside the target."""
        keys = ("storage", "snap_dictionary", "prefer")
        return {key: getattr(self, key) for key in keys}

    @classmethod
    def checked(cls, content: Any, where: str = "export") -> ExportPart:
        """Makes one from the keys and values of a recipe's ``export``.

        Args:
            content: For instance ``{"target": "int8"}``.
            where: What messages call it.

        Raises:
            ConfigError: If anything in it is unknown or out of range.
        """
        return validated(cls, content, where)

    def for_float(self) -> ExportPart:
        """Returns the same of the float network: what a compressed one is compared with."""
        return ExportPart(nnb=self.nnb, api=self.api)
