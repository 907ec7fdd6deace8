# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Neural Network Console: plug-ins for it, and what puts them there.

There are two: the Console for Windows, which shows the scripts in its folder of plug-ins, and NNC
Desktop, which shows those of a table in its database. A plug-in is a file in ``plugins/`` that
tells its form by its ``--help`` and carries verbs of the command line out.
"""

from __future__ import annotations
