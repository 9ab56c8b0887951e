"""Settings that programs hand to a Session: holders of attributes, as TensorFlow's protocol messages are.

graphflow obeys none of them yet: they are here so that programs can set them.
"""

from __future__ import annotations

from typing import Any, ClassVar


class _Message:
    """Named fields with defaults; a field that is itself a message is made when it is first asked for."""

    _fields: ClassVar[dict[str, Any]] = {}

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        self._check(name)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        self._check(name)
        default = self._fields[name]
        value = default() if callable(default) else default
        object.__setattr__(self, name, value)
        return value

    def _check(self, name: str) -> None:
        if name not in self._fields:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self._fields)}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, n) == getattr(other, n) for n in self._fields)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class GPUOptions(_Message):
    """Settings of TensorFlow's GPU memory allocator."""

    _fields: ClassVar[dict[str, Any]] = {
        "per_process_gpu_memory_fraction": 0.0, "allow_growth": False, "allocator_type": "", "visible_device_list": "",
        "deferred_deletion_bytes": 0, "polling_active_delay_usecs": 0, "force_gpu_compatible": False,
    }  # fmt: skip


class OptimizerOptions(_Message):
    """Settings of TensorFlow's graph optimizer."""

    L0, L1 = -1, 0
    OFF, ON_1, ON_2 = -1, 1, 2
    DEFAULT = 0
    _fields: ClassVar[dict[str, Any]] = {
        "opt_level": 0, "global_jit_level": 0, "do_common_subexpression_elimination": False,
        "do_constant_folding": False, "do_function_inlining": False,
    }  # fmt: skip


class GraphOptions(_Message):
    """Settings for the treatment of graphs."""

    _fields: ClassVar[dict[str, Any]] = {
        "optimizer_options": OptimizerOptions, "build_cost_model": 0, "infer_shapes": False,
        "place_pruned_graph": False, "enable_bfloat16_sendrecv": False, "timeline_step": 0,
    }  # fmt: skip


class ConfigProto(_Message):
    """Settings of a session."""

    _fields: ClassVar[dict[str, Any]] = {
        "allow_soft_placement": False, "log_device_placement": False, "intra_op_parallelism_threads": 0,
        "inter_op_parallelism_threads": 0, "use_per_session_threads": False, "operation_timeout_in_ms": 0,
        "placement_period": 0, "isolate_session_state": False, "device_count": dict, "device_filters": list,
        "gpu_options": GPUOptions, "graph_options": GraphOptions,
    }  # fmt: skip


class RunOptions(_Message):
    """Settings of one run."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)
    _fields: ClassVar[dict[str, Any]] = {
        "trace_level": 0, "timeout_in_ms": 0, "output_partition_graphs": False, "inter_op_thread_pool": 0,
        "report_tensor_allocations_upon_oom": False,
    }  # fmt: skip


class RunMetadata(_Message):
    """What a run reports of itself: nothing yet."""

    _fields: ClassVar[dict[str, Any]] = {"step_stats": list, "cost_graph": list, "partition_graphs": list}


class VariableDef(_Message):
    """Which tensors and operations of a graph make up a variable, by name."""

    _fields: ClassVar[dict[str, Any]] = {
        "variable_name": "", "initial_value_name": "", "initializer_name": "", "snapshot_name": "", "trainable": True,
    }  # fmt: skip
