"""`tf.estimator.tpu`: estimators written for TPUs, on the CPU, as TensorFlow runs them with use_tpu=False."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphflow.errors import UnsupportedError
from graphflow.estimator.estimator import Estimator, EstimatorSpec, ModeKeys
from graphflow.estimator.estimator import RunConfig as _RunConfig
from graphflow.train.optimizer import Optimizer, OptimizerAround


class InputPipelineConfig:
    """How often the input function is called on TPUs."""

    PER_SHARD_V1, PER_HOST_V1, PER_HOST_V2, BROADCAST, SLICED = 1, 2, 3, 4, 5


class TPUConfig(NamedTuple):
    """Settings of TPUs, which the CPU does not need."""

    iterations_per_loop: int = 2
    num_shards: int | None = None
    num_cores_per_replica: int | None = None
    per_host_input_for_training: Any = True
    tpu_job_name: str | None = None
    initial_infeed_sleep_secs: float | None = None
    input_partition_dims: Any = None
    eval_training_input_configuration: int = InputPipelineConfig.PER_HOST_V1
    experimental_host_call_every_n_steps: int = 1


class RunConfig(_RunConfig):
    """tf.estimator.RunConfig, with settings of TPUs."""

    def __init__(
        self, tpu_config: TPUConfig | None = None, evaluation_master: str | None = None, master: str | None = None,
        cluster: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.tpu_config = tpu_config or TPUConfig()
        self.master, self.cluster = master or "", cluster
        self.evaluation_master = self.master if evaluation_master is None else evaluation_master


class _TPUSpec(NamedTuple):
    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metrics: Any = None
    export_outputs: Any = None
    scaffold_fn: Any = None
    host_call: Any = None
    training_hooks: Any = None
    evaluation_hooks: Any = None
    prediction_hooks: Any = None


class TPUEstimatorSpec(_TPUSpec):
    """What a model function for TPUs gives.

    eval_metrics   (a function, its arguments as a list or dict of tensors): {name: metric}
    scaffold_fn    a function that gives a tf.train.Scaffold
    """

    __slots__ = ()

    def as_estimator_spec(self) -> EstimatorSpec:
        """The same as a tf.estimator.EstimatorSpec."""
        metrics = None
        if self.eval_metrics is not None:
            function, values = self.eval_metrics
            metrics = function(**values) if isinstance(values, Mapping) else function(*values)
        return EstimatorSpec(
            mode=self.mode, predictions=self.predictions, loss=self.loss, train_op=self.train_op,
            eval_metric_ops=metrics, export_outputs=self.export_outputs, training_hooks=self.training_hooks,
            scaffold=self.scaffold_fn() if self.scaffold_fn else None, evaluation_hooks=self.evaluation_hooks,
            prediction_hooks=self.prediction_hooks,
        )  # fmt: skip


class TPUEstimator(Estimator):
    """An Estimator whose functions find the batch size of the mode in params["batch_size"].

    use_tpu   must be False, as it is not by default.   Raises: NotImplementedError otherwise; ValueError when
              params has a batch_size itself.
    """

    def __init__(
        self, model_fn: Callable, model_dir: Any = None, config: Any = None, params: Mapping[str, Any] | None = None,
        use_tpu: bool = True, train_batch_size: int | None = None, eval_batch_size: int | None = None,
        predict_batch_size: int | None = None, batch_axis: Any = None, eval_on_tpu: bool = True,
        export_to_tpu: bool = True, export_to_cpu: bool = True, warm_start_from: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        if use_tpu:
            raise UnsupportedError("a TPUEstimator with use_tpu=True is not in graphflow: use use_tpu=False")
        if params is not None and "batch_size" in params:
            raise ValueError("params must not have a batch_size: give train_batch_size and the like")
        super().__init__(model_fn, model_dir, config or RunConfig(), dict(params or {}), warm_start_from)
        self._sizes = {
            ModeKeys.TRAIN: train_batch_size, ModeKeys.EVAL: eval_batch_size or train_batch_size,
            ModeKeys.PREDICT: predict_batch_size or train_batch_size,
        }  # fmt: skip

    def _built(self, input_fn: Callable, mode: str) -> EstimatorSpec:
        given = self._params
        if self._sizes[mode] is not None:
            self._params = {**given, "batch_size": self._sizes[mode]}
        try:
            return super()._built(input_fn, mode)
        finally:
            self._params = given

    def _result(self, spec: Any) -> Any:
        return spec.as_estimator_spec() if isinstance(spec, TPUEstimatorSpec) else spec


class CrossShardOptimizer(OptimizerAround):
    """Trains with `opt`: what would be summed over the shards of a TPU is that of the only one."""

    def __init__(
        self, opt: Optimizer, reduction: str = "weighted_mean", name: str = "CrossShardOptimizer",
        group_assignment: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(False, name)
        self._opt = opt

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Any:
        return self._opt.apply_gradients(grads_and_vars, global_step, name)

    def variables(self) -> list[Any]:
        return self._opt.variables()
