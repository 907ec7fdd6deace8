# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What transforms share that take away what is least important."""

from __future__ import annotations

from typing import Any, Dict, Optional

from pydantic import Field, SerializeAsAny, field_serializer, field_validator

from nnabla_compress.importances import L1, Importance, importance_of
from nnabla_compress.transforms.transform import Transform


class ByImportance(Transform):
    """A transform with an importance, which says what it needs."""

    importance: SerializeAsAny[Importance] = Field(default_factory=L1)

    @field_validator("importance", mode="before")
    @classmethod
    def _known(cls, entry: Any) -> Any:
        return importance_of(entry)

    @field_serializer("importance")
    def _by_name(self, importance: Importance) -> Dict[str, Any]:
        return {importance.name: importance.model_dump(mode="json")}

    def need_of_data(self) -> Optional[str]:
        """Returns why the importance needs data, None if it does not."""
        return self.importance.need_of_data()

    @property
    def needs_targets(self) -> bool:
        """Whether the importance looks at targets."""
        return self.importance.needs_targets

    @property
    def rehearsed(self) -> Transform:
        """The same without a pass over data."""
        return self.model_copy(update={"importance": L1()}) if self.need_of_data() else self
