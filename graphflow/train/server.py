"""Clusters of one task, and devices by the type of an operation: what programs for many machines need on one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow.compat.lookup import user_line
from graphflow.devices import DeviceSpec, merged
from graphflow.errors import GraphError, UnsupportedError
from graphflow.operation import Operation

_HOLDS_PARAMETERS = (
    "Variable",
    "VariableV2",
    "AutoReloadVariable",
    "MutableHashTable",
    "MutableHashTableV2",
    "VarHandleOp",
)


class ClusterSpec:
    """The addresses of a cluster's tasks: {job: [address, ...]} or {job: {task: address}}, or another ClusterSpec."""

    def __init__(self, cluster: Any) -> None:
        jobs = cluster._jobs if isinstance(cluster, ClusterSpec) else cluster
        if not isinstance(jobs, Mapping):
            raise TypeError(f"a cluster is a dict of jobs, not {cluster!r}")
        self._jobs: dict[str, dict[int, str]] = {
            job: dict(tasks) if isinstance(tasks, Mapping) else dict(enumerate(tasks)) for job, tasks in jobs.items()
        }

    @property
    def jobs(self) -> list[str]:
        return list(self._jobs)

    def as_dict(self) -> dict[str, Any]:
        """{job: [address, ...]}, or {job: {task: address}} where task numbers are left out."""
        return {
            job: list(tasks.values()) if list(tasks) == list(range(len(tasks))) else dict(tasks)
            for job, tasks in self._jobs.items()
        }

    def num_tasks(self, job_name: str) -> int:
        return len(self._of(job_name))

    def task_indices(self, job_name: str) -> list[int]:
        return sorted(self._of(job_name))

    def task_address(self, job_name: str, task_index: int) -> str:
        tasks = self._of(job_name)
        if task_index not in tasks:
            raise GraphError(f"job {job_name!r} has no task {task_index}")
        return tasks[task_index]

    def job_tasks(self, job_name: str) -> list[str | None]:
        """The addresses by task, None for the numbers that are left out."""
        tasks = self._of(job_name)
        return [tasks.get(i) for i in range(max(tasks, default=-1) + 1)]

    def _of(self, job: str) -> dict[int, str]:
        if job not in self._jobs:
            raise GraphError(f"there is no job {job!r}; there are {self.jobs}")
        return self._jobs[job]

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClusterSpec) and self._jobs == other._jobs

    __hash__ = None  # type: ignore[assignment]


class Server:
    """The only task of a cluster, which is this process; its `target` is for tf.Session.

    Raises: NotImplementedError for a cluster of several tasks.
    """

    def __init__(
        self, server_or_cluster_def: Any, job_name: str | None = None, task_index: int | None = None,
        protocol: str | None = None, config: Any = None, start: bool = True,
    ) -> None:  # fmt: skip
        cluster = ClusterSpec(server_or_cluster_def)
        tasks = sum(cluster.num_tasks(job) for job in cluster.jobs)
        if tasks != 1:
            raise UnsupportedError(f"{user_line()}: tf.train.Server of {tasks} tasks is not in graphflow: use one "
                                   "process, tf.Session without a target")  # fmt: skip
        job = job_name or cluster.jobs[0]
        self._address = cluster.task_address(job, task_index or cluster.task_indices(job)[0])
        self._stopped = threading.Event()

    @staticmethod
    def create_local_server(config: Any = None, start: bool = True) -> Server:
        """A server for this process alone."""
        return Server({"localhost": ["localhost:0"]}, config=config, start=start)

    @property
    def target(self) -> str:
        return f"grpc://{self._address}"

    def start(self) -> None:
        """It has started when it is made."""

    def join(self) -> None:
        """Wait for ever, as the tasks do that serve others."""
        self._stopped.wait()


def replica_device_setter(
    ps_tasks: int = 0, ps_device: str = "/job:ps", worker_device: str = "/job:worker", merge_devices: bool = True,
    cluster: Any = None, ps_ops: Sequence[str] | None = None, ps_strategy: Callable[[Operation], int] | None = None,
) -> Callable[[Operation], str] | None:  # fmt: skip
    """A function for tf.device: variables go to the tasks of ps_device in turn, everything else to worker_device.

    cluster      says how many ps_tasks there are; None comes back when there are none
    ps_ops       the types of operations that go to ps_device
    ps_strategy  the task for such an operation, instead of one after the other
    """
    if cluster is not None:
        jobs = ClusterSpec(cluster).as_dict()
        ps_tasks = len(jobs.get(DeviceSpec.from_string(ps_device).job or "", ()))
    if not ps_tasks:
        return None
    types = _HOLDS_PARAMETERS if ps_ops is None else tuple(ps_ops)
    turn = iter(range(2**62))
    task_of = ps_strategy or (lambda op: next(turn) % ps_tasks)

    def choose(op: Operation) -> str:
        if op.type not in types:
            return merged(worker_device, op.device)
        spec = DeviceSpec.from_string(ps_device)
        if spec.task is None:
            spec.task = task_of(op)
        return merged(spec.to_string(), op.device)

    return choose
