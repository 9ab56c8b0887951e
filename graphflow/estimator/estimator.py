"""Estimators: a function that builds a model, trained, evaluated and used in graphs of its own."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import logging
from graphflow.data.public import Dataset
from graphflow.default import add_to_collection
from graphflow.errors import GraphError, OutOfRangeError
from graphflow.estimator.exporting import export_model, in_new_folder
from graphflow.estimator.warm_start import as_settings
from graphflow.graph import Graph
from graphflow.names import GraphKeys
from graphflow.ops.basic import group
from graphflow.ops.seeds import set_random_seed
from graphflow.summary.functions import scalar
from graphflow.summary.writer import FileWriter
from graphflow.summary_protos import Summary
from graphflow.train.checkpoint_state import latest_checkpoint
from graphflow.train.checkpoint_utils import load_checkpoint
from graphflow.train.global_step import get_or_create_global_step
from graphflow.train.hooks import (
    CheckpointSaverHook,
    LoggingTensorHook,
    NanTensorHook,
    StopAtStepHook,
)
from graphflow.train.monitored import ChiefSessionCreator, MonitoredSession, MonitoredTrainingSession, Scaffold
from graphflow.train.saver import Saver


class ModeKeys:
    """What a model is built for."""

    TRAIN, EVAL, PREDICT = "train", "eval", "infer"


class _Spec(NamedTuple):
    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metric_ops: Any = None
    export_outputs: Any = None
    training_chief_hooks: Any = None
    training_hooks: Any = None
    scaffold: Any = None
    evaluation_hooks: Any = None
    prediction_hooks: Any = None


class EstimatorSpec(_Spec):
    """What a model function gives.   Raises: ValueError when what the mode needs is missing."""

    __slots__ = ()

    def __new__(cls, mode: str, *args: Any, **fields: Any) -> EstimatorSpec:
        made = super().__new__(cls, mode, *args, **fields)
        needs = {ModeKeys.TRAIN: ("loss", "train_op"), ModeKeys.EVAL: ("loss",), ModeKeys.PREDICT: ("predictions",)}
        for name in needs.get(mode, ()):
            if getattr(made, name) is None:
                raise ValueError(f"an EstimatorSpec of mode {mode!r} needs a {name}")
        return made


class RunConfig:
    """Settings of an Estimator: its folder, the seed, and how often it saves and logs."""

    def __init__(
        self, model_dir: str | None = None, tf_random_seed: int | None = None, save_summary_steps: int = 100,
        save_checkpoints_steps: int | None = None, save_checkpoints_secs: float | None = None,
        session_config: Any = None, keep_checkpoint_max: int = 5, keep_checkpoint_every_n_hours: float = 10000,
        log_step_count_steps: int = 100, **_: Any,
    ) -> None:  # fmt: skip
        if save_checkpoints_steps is not None and save_checkpoints_secs is not None:
            raise ValueError("give either save_checkpoints_steps or save_checkpoints_secs")
        self.model_dir, self.tf_random_seed, self.session_config = model_dir, tf_random_seed, session_config
        self.save_summary_steps, self.log_step_count_steps = save_summary_steps, log_step_count_steps
        self.save_checkpoints_steps = save_checkpoints_steps
        by_time = save_checkpoints_secs is None and save_checkpoints_steps is None
        self.save_checkpoints_secs = 600 if by_time else save_checkpoints_secs
        self.keep_checkpoint_max = keep_checkpoint_max
        self.keep_checkpoint_every_n_hours = keep_checkpoint_every_n_hours

    def replace(self, **changes: Any) -> RunConfig:
        """The same settings but for these."""
        secs = "save_checkpoints_secs"
        same = {
            key: value for key, value in vars(self).items() if "save_checkpoints_steps" not in changes or key != secs
        }
        return type(self)(**{**same, **changes})


class Estimator:
    """A model by its function.

    model_fn   (features, labels, mode, params, config) -> EstimatorSpec; it may take fewer arguments than that
    model_dir  where checkpoints are; a new folder when neither this nor the config says
    warm_start_from   WarmStartSettings, or a checkpoint or its folder from which all trainable variables start
    """

    def __init__(
        self, model_fn: Callable, model_dir: Any = None, config: RunConfig | None = None, params: Any = None,
        warm_start_from: Any = None,
    ) -> None:  # fmt: skip
        self._model_fn = model_fn
        self._config = config or RunConfig()
        self._dir = model_dir or self._config.model_dir or tempfile.mkdtemp()
        self._params = dict(params or {})
        self._warm_start = as_settings(warm_start_from)

    model_dir = property(lambda self: self._dir)
    config = property(lambda self: self._config)
    params = property(lambda self: dict(self._params))
    model_fn = property(lambda self: self._model_fn)

    def _built(self, input_fn: Callable, mode: str) -> EstimatorSpec:
        """The model in the default graph."""
        set_random_seed(self._config.tf_random_seed)
        get_or_create_global_step()
        taken = inspect.signature(input_fn).parameters
        offered = {"params": self._params, "mode": mode, "config": self._config}
        data = input_fn(**{key: value for key, value in offered.items() if key in taken})
        if isinstance(data, Dataset):
            iterator = data.make_initializable_iterator()  # which may look at tables
            add_to_collection(GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
            data = iterator.get_next()
        features, labels = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
        return self._called(features, labels, mode)

    def _called(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        """The model of these features."""
        accepted = inspect.signature(self._model_fn).parameters
        offered = {"labels": labels, "params": self._params, "mode": mode, "config": self._config}
        spec = self._result(self._model_fn(features, **{key: v for key, v in offered.items() if key in accepted}))
        if not isinstance(spec, EstimatorSpec):
            raise ValueError(f"model_fn must return an EstimatorSpec, not {spec!r}")
        return spec

    def _result(self, spec: Any) -> Any:
        """What the model function gave, as an EstimatorSpec."""
        return spec

    def train(
        self, input_fn: Callable, hooks: Sequence[Any] | None = None, steps: int | None = None,
        max_steps: int | None = None, saving_listeners: Any = None,
    ) -> Estimator:  # fmt: skip
        """Train for `steps` more steps, or until the global step `max_steps`, or until the data end; gives itself."""
        if steps is not None and max_steps is not None:
            raise ValueError("give either steps or max_steps")
        for number in (steps, max_steps):
            if number is not None and number <= 0:
                raise ValueError(f"the number of steps must be positive, not {number}")
        if max_steps is not None and self._latest_step() >= max_steps:
            return self
        with Graph().as_default() as graph:
            spec = self._built(input_fn, ModeKeys.TRAIN)
            graph.add_to_collection(GraphKeys.LOSSES, spec.loss)
            if self._warm_start is not None:
                self._warm_start.apply()
            if not any(t.op.name == "loss" for t in graph.get_collection(GraphKeys.SUMMARIES)):
                scalar("loss", spec.loss)
            every = [*(hooks or ()), *(spec.training_hooks or ()), *(spec.training_chief_hooks or ())]
            every += [NanTensorHook(spec.loss), LoggingTensorHook({"loss": spec.loss}, every_n_iter=100)]
            if steps is not None or max_steps is not None:
                every.append(StopAtStepHook(steps, max_steps))
            config = self._config
            scaffold = spec.scaffold or Scaffold()
            if scaffold.saver is None:
                saver = Saver(max_to_keep=config.keep_checkpoint_max, defer_build=True, allow_empty=True,
                              keep_checkpoint_every_n_hours=config.keep_checkpoint_every_n_hours)  # fmt: skip
                scaffold = Scaffold(saver=saver, copy_from_scaffold=scaffold)
            secs, saves = config.save_checkpoints_secs, config.save_checkpoints_steps
            if secs or saves:
                every.append(CheckpointSaverHook(self._dir, secs, saves, scaffold=scaffold, listeners=saving_listeners))
            with MonitoredTrainingSession(
                checkpoint_dir=self._dir, scaffold=scaffold, hooks=every, config=config.session_config,
                save_checkpoint_secs=None, save_checkpoint_steps=None,
                save_summaries_steps=config.save_summary_steps, log_step_count_steps=config.log_step_count_steps,
            ) as sess:  # fmt: skip
                while not sess.should_stop():
                    sess.run([spec.train_op, spec.loss])
        return self

    def _latest_step(self) -> int:
        path = self.latest_checkpoint()
        return 0 if path is None else int(path.rpartition("-")[2])

    def latest_checkpoint(self) -> str | None:
        """The latest checkpoint, None before training."""
        return latest_checkpoint(self._dir)

    def _session(self, spec: EstimatorSpec, path: str | None, hooks: Sequence[Any]) -> MonitoredSession:
        found = path or self.latest_checkpoint()
        if found is None:
            raise ValueError(f"there is no checkpoint in {self._dir!r}: train first")
        scaffold = spec.scaffold or Scaffold()
        config = self._config.session_config
        return MonitoredSession(
            ChiefSessionCreator(scaffold, config=config, checkpoint_filename_with_path=found), hooks
        )

    def evaluate(
        self, input_fn: Callable, steps: int | None = None, hooks: Sequence[Any] | None = None,
        checkpoint_path: str | None = None, name: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """The metrics of the model, its mean loss as `loss`, and `global_step`; until the data end, or for `steps`.

        Raises: ValueError before training.
        """
        with Graph().as_default():
            spec = self._built(input_fn, ModeKeys.EVAL)
            metrics = spec.eval_metric_ops or {}
            update = group(*[pair[1].op if hasattr(pair[1], "op") else pair[1] for pair in metrics.values()])
            values = {key: pair[0] for key, pair in metrics.items()}
            step, losses, count = get_or_create_global_step(), 0.0, 0
            with self._session(spec, checkpoint_path, [*(hooks or ()), *(spec.evaluation_hooks or ())]) as sess:
                try:
                    while (steps is None or count < steps) and not sess.should_stop():
                        losses += float(sess.run([spec.loss, update])[0])
                        count += 1
                except OutOfRangeError:
                    logging.info("evaluated %d batches", count)
                result = sess.raw_session().run({**values, "global_step": step})
            if "loss" not in result and count:
                result["loss"] = np.float32(losses / count)
            with FileWriter(os.path.join(self._dir, f"eval_{name}" if name else "eval"), graph=None) as writer:
                numbers = [Summary.Value(tag=k, simple_value=float(v)) for k, v in sorted(result.items())
                           if k != "global_step" and np.ndim(v) == 0 and not isinstance(v, bytes)]  # fmt: skip
                writer.add_summary(Summary(value=numbers), int(result["global_step"]))
            return result

    def predict(
        self, input_fn: Callable, predict_keys: Any = None, hooks: Sequence[Any] | None = None,
        checkpoint_path: str | None = None, yield_single_examples: bool = True,
    ) -> Iterator[Any]:  # fmt: skip
        """The predictions, an example at a time, or a batch at a time."""
        with Graph().as_default():
            spec = self._built(input_fn, ModeKeys.PREDICT)
            wanted = spec.predictions
            if predict_keys is not None and isinstance(wanted, Mapping):
                wanted = {key: value for key, value in wanted.items() if key in predict_keys}
                if not wanted:
                    raise ValueError(f"none of {predict_keys!r} is among {sorted(spec.predictions)}")
            with self._session(spec, checkpoint_path, [*(hooks or ()), *(spec.prediction_hooks or ())]) as sess:
                while not sess.should_stop():
                    batch = sess.run(wanted)
                    if not yield_single_examples:
                        yield batch
                    elif isinstance(batch, Mapping):
                        for i in range(len(next(iter(batch.values())))):
                            yield {key: value[i] for key, value in batch.items()}
                    else:
                        yield from batch

    def export_saved_model(
        self, export_dir_base: Any, serving_input_receiver_fn: Callable, assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False, checkpoint_path: str | None = None, experimental_mode: str = ModeKeys.PREDICT,
    ) -> bytes:  # fmt: skip
        """Write the model as a SavedModel for serving, in a new folder below `export_dir_base`; gives its path.

        serving_input_receiver_fn  makes a ServingInputReceiver: what the model is asked with
        assets_extra               {path below assets.extra: file to copy there}
        Raises: ValueError before training, or when no output can be asked for with what is received.
        """
        if experimental_mode != ModeKeys.PREDICT:
            raise NotImplementedError(f"only what predicts is exported, not the mode {experimental_mode!r}")
        if serving_input_receiver_fn is None:
            raise GraphError("serving_input_receiver_fn must say what the model is asked with")
        found = checkpoint_path or self.latest_checkpoint()
        if found is None:
            raise ValueError(f"there is no checkpoint in {self._dir!r}: train first")

        def write(folder: str) -> None:
            with Graph().as_default():
                set_random_seed(self._config.tf_random_seed)
                get_or_create_global_step()
                receiver = serving_input_receiver_fn()
                spec = self._called(receiver.features, None, ModeKeys.PREDICT)
                export_model(spec, receiver, folder, found, as_text, self._config.session_config)

        return in_new_folder(os.fsdecode(export_dir_base), write, assets_extra or {})

    def export_savedmodel(
        self, export_dir_base: Any, serving_input_receiver_fn: Callable, assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False, checkpoint_path: str | None = None, strip_default_attrs: bool = False,
    ) -> bytes:  # fmt: skip
        """As export_saved_model."""
        return self.export_saved_model(
            export_dir_base, serving_input_receiver_fn, assets_extra, as_text, checkpoint_path
        )

    def get_variable_names(self) -> list[str]:
        """The names of the variables of the latest checkpoint."""
        return sorted(self._reader().get_variable_to_shape_map())

    def get_variable_value(self, name: str) -> np.ndarray:
        """The value of a variable in the latest checkpoint."""
        return self._reader().get_tensor(name.removesuffix(":0"))

    def _reader(self) -> Any:
        return load_checkpoint(self._dir)
