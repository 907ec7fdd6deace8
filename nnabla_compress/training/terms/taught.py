# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Options of terms that have a network learn from another one."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.training.terms.term import TermOptions


class TaughtOptions(TermOptions):
    """What a term with a teacher says of it.

    Args:
        teacher: An ``.nnp`` file whose network teaches, on the same inputs. Left out, it is the
            network before its compression.
    """

    teacher: Optional[str] = None

    @property
    def learns_from_teacher(self) -> bool:
        """It does."""
        return True

    @property
    def teacher_file(self) -> Optional[str]:
        """The file that the teacher is in."""
        return self.teacher
