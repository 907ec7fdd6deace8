# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Workers of a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.workers.interface import Failed, Result, Task, Workers, ignore
from nnabla_compress.workers.parcel import opened, packed, perform
from nnabla_compress.workers.thread_limits import thread_limits

LOCAL, RUNNING = "local", "auto"
# Seconds that a cluster has to answer.
_PATIENCE = 5.0


class Cluster(Workers):
    """Does tasks on a Ray cluster, one CPU each.

    Args:
        address: HOST:PORT or ``ray://HOST:PORT``; "auto" for the cluster that runs on this machine
            or that ``RAY_ADDRESS`` names, "local" to start one on this machine.
        count: How many tasks are worked on at once; None: one for each CPU of the cluster.

    Raises:
        ConfigError: If Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str, count: Optional[int] = None) -> None:
        self._ray = _imported()
        self._joined = not self._ray.is_initialized()
        if self._joined:
            _join(self._ray, address, count)
        super().__init__(count or max(1, int(self._ray.cluster_resources().get("CPU", 1))))
        self._run: Any = None

    def map(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        finished: Callable[[int, Union[Result, Failed]], None] = ignore,
    ) -> List[Union[Result, Failed]]:
        """Returns what comes of each task, as of :meth:`Workers.map`."""
        sent = self._ray.put(packed(work, "the work"))
        parcels = [packed(task, f"task {number}") for number, task in enumerate(tasks)]
        run = self._ray.remote(num_cpus=1, max_retries=0)(perform)
        run = run.options(runtime_env={"env_vars": thread_limits(1, 1)})
        results: Dict[int, Any] = {}
        waiting, running = list(range(len(tasks)))[::-1], {}  # type: List[int], Dict[Any, int]
        tried: Dict[int, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    number = waiting.pop()
                    tried[number] = tried.get(number, 0) + 1
                    running[run.remote(sent, parcels[number])] = number
                (ready,), _ = self._ray.wait(list(running), num_returns=1)
                number = running.pop(ready)
                try:
                    results[number] = opened(self._ray.get(ready), tasks[number])
                except self._ray.exceptions.RayTaskError as error:
                    raise ConfigError(
                        f"a worker of the cluster can't begin ({_last_line(error)}).",
                        help="install the same versions of Python, NNabla and nnabla-compress "
                        "on all its machines",
                    ) from error
                except self._ray.exceptions.RayError as error:
                    if tried[number] < 2:
                        waiting.append(number)
                        continue
                    words = f"the worker that did it was lost, twice ({_last_line(error)})."
                    results[number] = Failed(tasks[number], words)
                finished(number, results[number])
        except BaseException:
            for reference in running:
                self._ray.cancel(reference, force=True)
            raise
        return [results[number] for number in range(len(tasks))]

    def close(self) -> None:
        """Leaves the cluster, and ends it if it was started for this."""
        if self._joined and self._ray.is_initialized():
            self._ray.shutdown()


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"a Ray cluster is asked for, but Ray can't be imported ({error}).",
            help="pip install 'nnabla-compress[search]', or take --jobs for processes",
        ) from None
    return ray


def _join(ray: Any, address: str, count: Optional[int]) -> None:
    wanted = os.environ.get("RAY_ADDRESS", RUNNING) if address == RUNNING else address
    known: Dict[str, Any] = {"logging_level": logging.ERROR, "include_dashboard": False}
    if wanted == LOCAL:
        known["num_cpus"] = count
    try:
        if wanted not in (LOCAL, RUNNING):
            _reach(wanted)
        ray.init(address=wanted, **(known if wanted == LOCAL else {"logging_level": logging.ERROR}))
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"there is no Ray cluster at {wanted!r} ({_last_line(error)}).",
            help="start one by 'ray start --head', or take --ray local, or --jobs for processes",
        ) from None


def _reach(address: str) -> None:
    """Fails soon where nobody listens; Ray itself would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and port.isdecimal()):
        raise ValueError("an address is HOST:PORT or ray://HOST:PORT")
    socket.create_connection((host, int(port)), _PATIENCE).close()


def _last_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip().rstrip(".") if lines else type(error).__name__
