"""Settings that programs hand to a Session, and what a run reports: TensorFlow's protocol messages.

Of the settings, graphflow obeys intra_op_parallelism_threads, check_numerics and trace_level; the others are here so
that programs can set them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphflow.graph_protos import GraphDef
from graphflow.io.fields import Field
from graphflow.io.protobuf import Message
from graphflow.io.scalars import Enum


class GPUOptions(Message):
    """Settings of TensorFlow's GPU memory allocator."""

    per_process_gpu_memory_fraction = Field(1, "double")
    allocator_type = Field(2, "string")
    deferred_deletion_bytes = Field(3, "int64")
    allow_growth = Field(4, "bool")
    visible_device_list = Field(5, "string")
    polling_active_delay_usecs = Field(6, "int32")
    polling_inactive_delay_msecs = Field(7, "int32")
    force_gpu_compatible = Field(8, "bool")


class OptimizerOptions(Message):
    """Settings of TensorFlow's graph optimizer."""

    L1, L0 = 0, -1
    DEFAULT, OFF, ON_1, ON_2 = 0, -1, 1, 2
    do_common_subexpression_elimination = Field(1, "bool")
    do_constant_folding = Field(2, "bool")
    opt_level = Field(3, Enum(L1=0, L0=-1))
    do_function_inlining = Field(4, "bool")
    global_jit_level = Field(5, Enum(DEFAULT=0, OFF=-1, ON_1=1, ON_2=2))
    max_folded_constant_in_bytes = Field(6, "int64")


class GraphOptions(Message):
    """Settings for the treatment of graphs."""

    enable_recv_scheduling = Field(2, "bool")
    optimizer_options = Field(3, OptimizerOptions)
    build_cost_model = Field(4, "int64")
    infer_shapes = Field(5, "bool")
    place_pruned_graph = Field(6, "bool")
    enable_bfloat16_sendrecv = Field(7, "bool")
    timeline_step = Field(8, "int32")
    build_cost_model_after = Field(9, "int64")


class ConfigProto(Message):
    """Settings of a session."""

    device_count = Field(1, "int32", key="string")
    intra_op_parallelism_threads = Field(2, "int32")
    placement_period = Field(3, "int32")
    device_filters = Field(4, "string", repeated=True)
    inter_op_parallelism_threads = Field(5, "int32")
    gpu_options = Field(6, GPUOptions)
    allow_soft_placement = Field(7, "bool")
    log_device_placement = Field(8, "bool")
    use_per_session_threads = Field(9, "bool")
    graph_options = Field(10, GraphOptions)
    operation_timeout_in_ms = Field(11, "int64")
    isolate_session_state = Field(15, "bool")
    check_numerics = Field(1001, "bool")  # graphflow's own: stop at the first operation that makes a NaN or infinity


class RunOptions(Message):
    """Settings of one run: with FULL_TRACE, its steps are measured for the RunMetadata."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)
    trace_level = Field(1, Enum(NO_TRACE=0, SOFTWARE_TRACE=1, HARDWARE_TRACE=2, FULL_TRACE=3))
    timeout_in_ms = Field(2, "int64")
    inter_op_thread_pool = Field(3, "int32")
    output_partition_graphs = Field(5, "bool")
    report_tensor_allocations_upon_oom = Field(7, "bool")


class NodeExecStats(Message):
    """One step of a run: when it began, in microseconds, and how long it took."""

    node_name = Field(1, "string")
    all_start_micros = Field(2, "int64")
    op_start_rel_micros = Field(3, "int64")
    op_end_rel_micros = Field(4, "int64")
    all_end_rel_micros = Field(5, "int64")
    timeline_label = Field(8, "string")
    scheduled_micros = Field(9, "int64")
    thread_id = Field(10, "uint32")
    all_start_nanos = Field(13, "int64")
    op_start_rel_nanos = Field(14, "int64")
    op_end_rel_nanos = Field(15, "int64")
    all_end_rel_nanos = Field(16, "int64")


class DeviceStepStats(Message):
    """The steps that one device ran."""

    device = Field(1, "string")
    node_stats = Field(2, NodeExecStats, repeated=True)
    thread_names = Field(3, "string", key="uint32")


class _Late(Field):
    """A field that is filled when somebody first looks at it."""

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        found = super().__get__(owner, cls)
        if owner is not None and (fill := vars(owner).pop("_fill", None)) is not None:
            fill(owner)
        return found


class StepStats(Message):
    """The steps of a run, by device: what each of them has to do, and below it what its threads or streams did."""

    dev_stats = _Late(1, DeviceStepStats, repeated=True)

    def fill_later(self, fill: Callable[[StepStats], None]) -> None:
        """Have `fill(self)` called when somebody looks: most runs that are traced are never looked at."""
        self.Clear()
        vars(self)["_fill"] = fill

    def _present(self) -> Iterator[tuple[Field, Any]]:
        assert self.dev_stats is not None  # looked at
        return super()._present()

    def ClearField(self, field_name: str) -> None:
        """Unset one field."""
        vars(self).pop("_fill", None)
        super().ClearField(field_name)

    def __getstate__(self) -> dict[str, Any]:
        assert self.dev_stats is not None
        return vars(self)


class RunMetadata(Message):
    """What a run reports of itself: its steps, when the RunOptions ask for a trace."""

    step_stats = Field(1, StepStats)
    partition_graphs = Field(3, GraphDef, repeated=True)


class VariableDef(Message):
    """Which tensors and operations of a graph make up a variable, by name."""

    variable_name = Field(1, "string")
    initializer_name = Field(2, "string")
    snapshot_name = Field(3, "string")
    initial_value_name = Field(6, "string")
    trainable = Field(7, "bool")
