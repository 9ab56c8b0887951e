"""`tensorflow.python.client.timeline`: the steps of a traced run, for the trace viewer of Chrome and for Perfetto."""

from __future__ import annotations

import json
from typing import Any

from graphflow.protos import StepStats


class Timeline:
    """A traced run, as `run_metadata.step_stats` has it."""

    def __init__(self, step_stats: StepStats, graph: Any = None) -> None:
        self._step_stats = step_stats

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False, op_time: str = "schedule"
    ) -> str:
        """JSON in the trace event format: a process for each device, an event for each of its steps.

        Microseconds count from the first event on: since 1970 there are too many for a double to have parts of them,
        and viewers drop events that seem to overlap.
        """
        events: list[dict[str, Any]] = []
        devices = self._step_stats.dev_stats
        first = min((stats.all_start_nanos for device in devices for stats in device.node_stats), default=0)
        for pid, device in enumerate(devices):
            events.append({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": f"{device.device} Compute"}})
            for stats in device.node_stats:
                name, _, rest = stats.timeline_label.partition(" = ")
                kind, _, inputs = rest.rstrip(")").partition("(")
                named = {f"input{i}": name for i, name in enumerate(inputs.split(", ")) if name}
                events.append({
                    "name": kind or stats.node_name, "cat": "Op", "ph": "X", "pid": pid, "tid": stats.thread_id,
                    "ts": (stats.all_start_nanos - first) / 1000, "dur": stats.all_end_rel_nanos / 1000,
                    "args": {"name": name, "op": kind, **named},
                })  # fmt: skip
        return json.dumps({"traceEvents": events}, indent=4)
