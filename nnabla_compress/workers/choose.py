# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which workers there are."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.errors import ConfigError
from nnabla_compress.workers.cluster import Cluster
from nnabla_compress.workers.in_process import InProcess
from nnabla_compress.workers.interface import Workers
from nnabla_compress.workers.processes import Processes


def workers(jobs: Optional[int] = None, ray: Optional[str] = None) -> Workers:
    """Returns workers: this process, several processes, or those of a Ray cluster.

    Args:
        jobs: How many tasks are worked on at once, from 1; by default 1, on a cluster one for each
            of its CPUs.
        ray: Address of a Ray cluster; "auto" for the one that runs on this machine or that
            ``RAY_ADDRESS`` names, "local" to start one on this machine.

    Raises:
        ConfigError: If there are fewer than 1, no such cluster, or no Ray.

    Example:
        >>> workers(2).count
        2
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"{jobs} workers requested.", help="at least 1")
    if ray is not None:
        return Cluster(ray, jobs)
    return InProcess() if jobs in (None, 1) else Processes(jobs or 1)
