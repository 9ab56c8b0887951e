"""Who exports a model while it is trained and evaluated: after each evaluation, the last one, or the best ones."""

from __future__ import annotations

import glob
import inspect
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from graphflow.errors import GraphError
from graphflow.estimator.exporting import exports_in
from graphflow.summary.events import summary_iterator

Metrics = Mapping[str, Any]


class Exporter:
    """The base of exporters.   name: the folder of its exports, below `export` in that of the model."""

    @property
    def name(self) -> str:
        raise NotImplementedError

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Metrics, is_the_final_export: bool
    ) -> bytes | None:
        """The folder of a new export, None when there is none to make."""
        raise NotImplementedError


class _SavedModels(Exporter):
    """One that writes SavedModels, and keeps the newest of them.

    assets_extra     {path below assets.extra: file to copy there}
    exports_to_keep  how many stay; None for all
    """

    def __init__(
        self, name: str, serving_input_receiver_fn: Callable, assets_extra: Mapping[str, str] | None, as_text: bool,
        exports_to_keep: int | None,
    ) -> None:  # fmt: skip
        if exports_to_keep is not None and exports_to_keep <= 0:
            raise GraphError(f"exports_to_keep must be positive, not {exports_to_keep}")
        self._name, self._receiver_fn = name, serving_input_receiver_fn
        self._extra, self._as_text, self._keep = assets_extra, as_text, exports_to_keep

    @property
    def name(self) -> str:
        return self._name

    def _export(self, estimator: Any, export_path: str, checkpoint_path: str) -> bytes:
        made = estimator.export_saved_model(
            export_path, self._receiver_fn, self._extra, self._as_text, checkpoint_path=checkpoint_path
        )
        for old in exports_in(export_path)[: -self._keep] if self._keep else ():
            shutil.rmtree(old)
        return made


class FinalExporter(_SavedModels):
    """Exports once, when the training is over."""

    def __init__(
        self, name: str, serving_input_receiver_fn: Callable, assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text, None)

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Metrics, is_the_final_export: bool
    ) -> bytes | None:
        return self._export(estimator, export_path, checkpoint_path) if is_the_final_export else None


class LatestExporter(_SavedModels):
    """Exports after each evaluation."""

    def __init__(
        self, name: str, serving_input_receiver_fn: Callable, assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False, exports_to_keep: int | None = 5,
    ) -> None:  # fmt: skip
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text, exports_to_keep)

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Metrics, is_the_final_export: bool
    ) -> bytes | None:
        return self._export(estimator, export_path, checkpoint_path)


def _loss_smaller(best_eval_result: Metrics, current_eval_result: Metrics) -> bool:
    """Whether the loss has become smaller."""
    for result in (best_eval_result, current_eval_result):
        if not result or "loss" not in result:
            raise GraphError(f"there is no 'loss' among the metrics {sorted(result or ())}: give a compare_fn")
    return bool(best_eval_result["loss"] > current_eval_result["loss"])


class BestExporter(_SavedModels):
    """Exports after each evaluation that is better than all before it, those of earlier trainings included.

    event_file_pattern  where these have left their metrics, below the model's folder; None looks at none
    compare_fn          (best_eval_result, current_eval_result) -> whether the current one is better; of the loss
    """

    def __init__(
        self, name: str = "best_exporter", serving_input_receiver_fn: Any = None,
        event_file_pattern: str | None = "eval/*.tfevents.*", compare_fn: Callable[..., bool] = _loss_smaller,
        assets_extra: Mapping[str, str] | None = None, as_text: bool = False, exports_to_keep: int | None = 5,
    ) -> None:  # fmt: skip
        if compare_fn is None:
            raise GraphError("compare_fn must say which of two results is better")
        taken = inspect.signature(compare_fn).parameters
        for needed in ("best_eval_result", "current_eval_result"):
            if needed not in taken:
                raise GraphError(f"compare_fn must take an argument {needed!r}, and it takes {', '.join(taken)}")
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text, exports_to_keep)
        self._pattern, self._better = event_file_pattern, compare_fn
        self._best: Metrics | None = None
        self._looked = False

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Metrics, is_the_final_export: bool
    ) -> bytes | None:
        if not self._looked and self._pattern:
            current = eval_result.get("global_step")
            self._best = self._best_of(os.path.join(estimator.model_dir, self._pattern), current)
        self._looked = True
        if self._best is not None and not self._better(best_eval_result=self._best, current_eval_result=eval_result):
            return None
        self._best = eval_result
        return self._export(estimator, export_path, checkpoint_path)

    def _best_of(self, pattern: str, current: Any) -> Metrics | None:
        """The best of the results in event files, but for those of the current step."""
        best: Metrics | None = None
        for path in sorted(glob.glob(pattern)):
            for event in summary_iterator(path):
                found = {v.tag: v.simple_value for v in event.summary.value if v.HasField("simple_value")}
                if not found or event.step == current:
                    continue
                if best is None or self._better(best_eval_result=best, current_eval_result=found):
                    best = found
        return best
