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
        """JSON in the trace event format: a process for each device, an event of microseconds for each step."""
        events: list[dict[str, Any]] = []
        for pid, device in enumerate(self._step_stats.dev_stats):
            events.append({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": f"{device.device} Compute"}})
            for stats in device.node_stats:
                name, _, rest = stats.timeline_label.partition(" = ")
                kind, _, inputs = rest.rstrip(")").partition("(")
                named = {f"input{i}": name for i, name in enumerate(inputs.split(", ")) if name}
                events.append({
                    "name": kind or stats.node_name, "cat": "Op", "ph": "X", "pid": pid, "tid": stats.thread_id,
                    "ts": stats.all_start_nanos / 1000, "dur": max(stats.all_end_rel_nanos / 1000, 0.001),
                    "args": {"name": name, "op": kind, **named},
                })  # fmt: skip
        return json.dumps({"traceEvents": events}, indent=4)
