"""`tf.estimator.train_and_evaluate`, and what it is told to do."""

from __future__ import annotations

import os
import time
from collections import namedtuple
from collections.abc import Iterable
from typing import Any

from graphflow.errors import GraphError
from graphflow.estimator.estimator import Estimator
from graphflow.estimator.exporters import Exporter
from graphflow.train.hooks import CheckpointSaverListener

TrainSpec = namedtuple("TrainSpec", "input_fn max_steps hooks", defaults=(None, None))
TrainSpec.__doc__ = "What train_and_evaluate trains on, and until which global step."
_EvalSpec = namedtuple("_EvalSpec", "input_fn steps name hooks exporters start_delay_secs throttle_secs")


class EvalSpec(_EvalSpec):
    """What train_and_evaluate evaluates on, in how many steps and how often, and who exports the model then.

    Raises: TypeError for exporters that are none, ValueError for two of one name.
    """

    __slots__ = ()

    def __new__(
        cls, input_fn: Any, steps: int | None = 100, name: str | None = None, hooks: Any = None, exporters: Any = None,
        start_delay_secs: float = 120, throttle_secs: float = 600,
    ) -> EvalSpec:  # fmt: skip
        given = exporters if isinstance(exporters, Iterable) else [] if exporters is None else [exporters]
        every, names = tuple(given), set[str]()
        for exporter in every:
            if not isinstance(exporter, Exporter):
                raise TypeError(f"exporters are Exporters, not {exporter!r}")
            if not exporter.name or exporter.name in names:
                raise GraphError(f"each exporter has a name of its own, and {exporter.name!r} is that of another one")
            names.add(exporter.name)
        return super().__new__(cls, input_fn, steps, name, tuple(hooks or ()), every, start_delay_secs, throttle_secs)


class _Evaluating(CheckpointSaverListener):
    """Evaluates and exports after a save, unless that was done less than throttle_secs ago, and at the end."""

    def __init__(self, estimator: Estimator, spec: EvalSpec, max_steps: int | None) -> None:
        self._estimator, self._spec, self._max_steps = estimator, spec, max_steps
        self._step, self._time = -1, time.monotonic()
        self.metrics: dict[str, Any] = {}
        self.exports: list[bytes | None] = []

    def after_save(self, session: Any, global_step_value: int) -> None:
        if time.monotonic() - self._time >= self._spec.throttle_secs and global_step_value:
            self._evaluate(global_step_value, self._max_steps is not None and global_step_value >= self._max_steps)

    def end(self, session: Any, global_step_value: int) -> None:
        if global_step_value != self._step:
            self._evaluate(global_step_value, True)

    def _evaluate(self, step: int, final: bool) -> None:
        spec, estimator = self._spec, self._estimator
        self.metrics = estimator.evaluate(spec.input_fn, spec.steps, spec.hooks, name=spec.name)
        self._step = step
        path, folder = estimator.latest_checkpoint(), os.path.join(estimator.model_dir, "export")
        self.exports = [
            exporter.export(estimator, os.path.join(folder, exporter.name), path, self.metrics, final)
            for exporter in spec.exporters
        ]
        self._time = time.monotonic()


def train_and_evaluate(estimator: Estimator, train_spec: Any, eval_spec: Any) -> tuple[dict[str, Any], list]:
    """Train, and evaluate the checkpoints as they are saved, throttle_secs apart, and the last one.

    Gives the last metrics, and for each exporter the folder of its last export, or None.
    """
    listener = _Evaluating(estimator, eval_spec, train_spec.max_steps)
    estimator.train(
        train_spec.input_fn, hooks=train_spec.hooks, max_steps=train_spec.max_steps, saving_listeners=[listener]
    )
    return listener.metrics, listener.exports
