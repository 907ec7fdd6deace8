# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that makes a network another one, once."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from nnabla_compress.recipes.step import Course, Record, Step
from nnabla_compress.transforms.transform import Transform, transform_named


class TransformStep(Step):
    """Applies a transform.

    Args:
        transform: The transform, by whose name recipes call the step.
    """

    transform: Transform

    @property
    def title(self) -> str:
        """Name of the transform."""
        return self.transform.name

    @property
    def same_function(self) -> bool:
        """Whether the network computes the same afterwards, but for rounding."""
        return self.transform.same_function

    @property
    def sets_values(self) -> bool:
        """Whether what it makes of parameters does not follow from what was decided."""
        return self.transform.sets_values

    def need_of_data(self) -> Optional[str]:
        """Returns why the transform needs data, None if it does not."""
        return self.transform.need_of_data()

    @property
    def needs_targets(self) -> bool:
        """Whether the transform looks at targets."""
        return self.transform.needs_targets

    def foresee(self, course: Course) -> None:
        """Does to the untrained network what can be done without its values."""
        course.apply(self.transform.rehearsed)

    def run(self, course: Course) -> Record:
        """Decides, applies, and tells what was decided."""
        record = course.apply(self.transform)
        line = self.transform.told(record)
        if line is not None:
            course.tell(line)
        return record

    def replay(self, course: Course, record: Mapping[str, Any]) -> None:
        """Applies what was decided."""
        course.apply(self.transform, record)

    def entry(self) -> Record:
        """Returns what a recipe says of it."""
        return {self.title: self.transform.model_dump(mode="json")}


def step_of_transform(name: str, content: Any, where: str) -> TransformStep:
    """Returns the step that applies a transform.

    Args:
        name: Name of the transform.
        content: What a recipe says of it.
        where: What messages call it.

    Raises:
        ConfigError: If an option is wrong.
    """
    return TransformStep(transform=transform_named(name).checked(content, where))
