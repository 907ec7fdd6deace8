# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Workers of a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any, Callable, Dict, Optional, Set, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.workers.given import Given
from nnabla_compress.workers.interface import Failed, Result, Signal, Task, Workers
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

    def serve(
        self,
        work: Callable[[Task], Result],
        source: Callable[[], Union[Task, Signal]],
        finished: Callable[[int, Union[Result, Failed]], None],
    ) -> None:
        """Does tasks, as of :meth:`Workers.serve`."""
        sent, given = self._ray.put(packed(work, "the work")), Given(source)
        run = self._ray.remote(num_cpus=1, max_retries=0)(perform)
        run = run.options(runtime_env={"env_vars": thread_limits(1, 1)})
        running: Dict[Any, int] = {}
        again: Set[int] = set()
        try:
            while True:
                while len(running) < self.count:
                    number = given.take()
                    if number is None:
                        break
                    running[run.remote(sent, given.parcels[number])] = number
                if not running:
                    return
                (ready,), _ = self._ray.wait(list(running), num_returns=1)
                number = running.pop(ready)
                try:
                    answer, lost = self._ray.get(ready), ""
                except self._ray.exceptions.RayTaskError as error:
                    raise ConfigError(
                        f"a worker of the cluster can't begin ({_last_line(error)}).",
                        help="install the same versions of Python, NNabla and nnabla-compress "
                        "on all its machines",
                    ) from error
                except self._ray.exceptions.RayError as error:
                    lost = f"the worker that did it was lost, twice ({_last_line(error)})."
                    if number not in again:
                        again.add(number)
                        given.back.append(number)
                        continue
                task = given.forget(number)
                finished(number, Failed(task, lost) if lost else opened(answer, task))
        except BaseException:
            for reference in running:
                self._ray.cancel(reference, force=True)
            raise

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
            help="pip install 'nnabla-compress[search]', or leave the cluster out",
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
            help="start one by 'ray start --head', or take 'local' for one on this machine, "
            "or leave the cluster out",
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
