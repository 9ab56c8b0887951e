"""`tf.contrib.training`: re-exports and nothing else."""

from graphflow.contrib.learning import clip_gradient_norms, multiply_gradients
from graphflow.contrib.training.checkpoints import checkpoints_iterator, wait_for_new_checkpoint
from graphflow.contrib.training.evaluation import (
    StopAfterNEvalsHook,
    SummaryAtEndHook,
    evaluate_once,
    evaluate_repeatedly,
    get_or_create_eval_step,
)
from graphflow.contrib.training.hparams import HParams
from graphflow.contrib.training.loop import add_gradients_summaries, clip_gradient_norms_fn, create_train_op, train
