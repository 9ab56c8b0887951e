"""Modules inside TensorFlow that programs import from, and the public modules where graphflow has those names.

The paths are without the leading `tensorflow.`.  Names are looked for in the public modules in turn; '' is `tf` itself.
What is inside `contrib.x.python` and not listed here is looked for in `contrib.x`.
"""

from __future__ import annotations

_LINES = """
compat.v1                                   =
compat.v1.compat                            = compat
contrib.learn.python                        = contrib.learn
contrib.learn.python.learn                  = contrib.learn
contrib.learn.python.learn.datasets         = contrib.learn.datasets
contrib.learn.python.learn.datasets.mnist   = compat.input_data
contrib.learn.python.learn.datasets.base    = compat.input_data
core                                        =
core.example                                = train
core.example.example_pb2                    = train
core.example.feature_pb2                    = train
core.framework                              =
core.framework.attr_value_pb2               =
core.framework.graph_pb2                    =
core.framework.node_def_pb2                 =
core.framework.summary_pb2                  =
core.protobuf                               =
core.protobuf.config_pb2                    =
core.util                                   =
core.util.event_pb2                         =
examples                                    = compat
examples.tutorials                          = compat
examples.tutorials.mnist                    = compat
examples.tutorials.mnist.input_data         = compat.input_data
examples.tutorials.mnist.mnist              = compat.mnist
models                                      = compat
models.rnn                                  = nn
models.rnn.rnn                              = nn
models.rnn.rnn_cell                         = nn.rnn_cell
models.rnn.seq2seq                          = contrib.legacy_seq2seq
python                                      =
python.client                               = compat
python.client.device_lib                    = compat.device_lib
python.client.session                       =
python.client.timeline                      = compat.timeline
python.framework                            =
python.framework.device                     =
python.framework.constant_op                =
python.framework.dtypes                     = dtypes
python.framework.errors                     = errors
python.framework.errors_impl                = errors
python.framework.graph_util                 = graph_util
python.framework.importer                   =
python.framework.ops                        =
python.framework.random_seed                =
python.framework.sparse_tensor              =
python.framework.tensor_shape               =
python.framework.tensor_spec                =
python.framework.tensor_util                = contrib.util
python.framework.test_util                  = test
python.keras                                = keras
python.keras.layers                         = keras.layers
python.layers                               = layers
python.layers.base                          = layers
python.layers.convolutional                 = layers
python.layers.core                          = layers
python.layers.layers                        = layers
python.layers.normalization                 = layers
python.layers.pooling                       = layers
python.lib                                  = python_io
python.lib.io                               = python_io
python.lib.io.file_io                       = gfile
python.lib.io.tf_record                     = python_io
python.ops                                  =
python.ops.array_ops                        = manip
python.ops.bitwise_ops                      = bitwise
python.ops.candidate_sampling_ops           = nn
python.ops.check_ops                        = debugging
python.ops.clip_ops                         =
python.ops.confusion_matrix                 = math
python.ops.control_flow_ops                 =
python.ops.ctc_ops                          = nn
python.ops.data_flow_ops                    = queue
python.ops.embedding_ops                    = nn
python.ops.functional_ops                   =
python.ops.gradients                        =
python.ops.gradients_impl                   =
python.ops.histogram_ops                    =
python.ops.image_ops                        = image
python.ops.init_ops                         = initializers
python.ops.io_ops                           = io
python.ops.linalg_ops                       = linalg
python.ops.logging_ops                      = summary
python.ops.lookup_ops                       = lookup
python.ops.losses                           = losses
python.ops.losses.losses                    = losses
python.ops.math_ops                         = math
python.ops.metrics                          = metrics
python.ops.nn                               = nn
python.ops.nn_impl                          = nn
python.ops.nn_ops                           = nn
python.ops.parsing_ops                      = io
python.ops.partitioned_variables            =
python.ops.random_ops                       = random
python.ops.rnn                              = nn
python.ops.rnn_cell                         = nn.rnn_cell
python.ops.rnn_cell_impl                    = nn.rnn_cell
python.ops.script_ops                       =
python.ops.seq2seq                          = contrib.legacy_seq2seq
python.ops.session_ops                      =
python.ops.sparse_ops                       = sparse
python.ops.standard_ops                     =
python.ops.state_ops                        =
python.ops.string_ops                       = strings
python.ops.summary_ops                      = summary
python.ops.template                         =
python.ops.tensor_array_ops                 =
python.ops.variable_scope                   =
python.ops.variables                        =
python.platform                             =
python.platform.app                         = app
python.platform.flags                       = flags
python.platform.gfile                       = gfile
python.platform.resource_loader             = resource_loader
python.platform.test                        = test
python.platform.tf_logging                  = logging
python.pywrap_tensorflow                    = train
python.saved_model                          = saved_model
python.summary                              = summary
python.summary.summary                      = summary
python.summary.writer                       = summary
python.summary.writer.writer                = summary
python.training                             = train
python.training.adadelta                    = train
python.training.adagrad                     = train
python.training.adam                        = train
python.training.basic_session_run_hooks     = train
python.training.checkpoint_utils            = train
python.training.coordinator                 = train
python.training.ftrl                        = train
python.training.gradient_descent            = train
python.training.input                       = train
python.training.learning_rate_decay         = train
python.training.momentum                    = train
python.training.monitored_session           = train
python.training.moving_averages             = train train.averages
python.training.optimizer                   = train
python.training.queue_runner                = train
python.training.rmsprop                     = train
python.training.saver                       = train
python.training.session_run_hook            = train
python.training.supervisor                  = train
python.training.training                    = train
python.training.training_util               = train
python.util                                 = compat
python.util.compat                          = compat
python.util.nest                            = nest
"""

INTERNALS: dict[str, tuple[str, ...]] = {
    inside.strip(): tuple(outside.split()) or ("",)
    for inside, _, outside in (line.partition("=") for line in _LINES.strip().splitlines())
}


def sources(inside: str) -> tuple[str, ...] | None:
    """The public modules with the names of a module inside TensorFlow; None for a path that is not listed."""
    if inside in INTERNALS:
        return INTERNALS[inside]
    package, python, _ = f"{inside}.".partition(".python.")
    return (package,) if python and package.startswith("contrib.") else None
