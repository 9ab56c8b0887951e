"""`tf.train`: optimizers, schedules, checkpoints, input queues and sessions for long runs; only re-exports."""

from graphflow.graph_util import write_graph
from graphflow.io.example import (
    BytesList,
    Example,
    Feature,
    FeatureList,
    FeatureLists,
    Features,
    FloatList,
    Int64List,
    SequenceExample,
)
from graphflow.meta_graph import export_meta_graph
from graphflow.queues.coordinator import Coordinator, LooperThread
from graphflow.queues.inputs import (
    batch,
    batch_join,
    input_producer,
    limit_epochs,
    match_filenames_once,
    maybe_batch,
    maybe_shuffle_batch,
    range_input_producer,
    shuffle_batch,
    shuffle_batch_join,
    slice_input_producer,
    string_input_producer,
)
from graphflow.queues.runner import QueueRunner, add_queue_runner, start_queue_runners
from graphflow.saved_model_protos import SaverDef
from graphflow.summary.events import summary_iterator
from graphflow.train.adadelta import AdadeltaOptimizer
from graphflow.train.adagrad import AdagradDAOptimizer, AdagradOptimizer, ProximalAdagradOptimizer
from graphflow.train.adam import AdamOptimizer
from graphflow.train.averages import ExponentialMovingAverage
from graphflow.train.checkpoint import Checkpoint, CheckpointManager
from graphflow.train.checkpoint_state import (
    checkpoint_exists,
    generate_checkpoint_state_proto,
    get_checkpoint_mtimes,
    get_checkpoint_state,
    latest_checkpoint,
    update_checkpoint_state,
)
from graphflow.train.checkpoint_utils import (
    NewCheckpointReader,
    init_from_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
)
from graphflow.train.ftrl import FtrlOptimizer
from graphflow.train.global_step import (
    assert_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
    global_step,
)
from graphflow.train.gradient_descent import GradientDescentOptimizer, ProximalGradientDescentOptimizer
from graphflow.train.hooks import (
    CheckpointInputPipelineHook,
    CheckpointSaverHook,
    CheckpointSaverListener,
    FeedFnHook,
    FinalOpsHook,
    LoggingTensorHook,
    NanLossDuringTrainingError,
    NanTensorHook,
    SecondOrStepTimer,
    StepCounterHook,
    StopAtStepHook,
    SummarySaverHook,
)
from graphflow.train.momentum import MomentumOptimizer
from graphflow.train.monitored import (
    ChiefSessionCreator,
    MonitoredSession,
    MonitoredTrainingSession,
    Scaffold,
    SessionManager,
    SingularMonitoredSession,
)
from graphflow.train.optimizer import Optimizer
from graphflow.train.rmsprop import RMSPropOptimizer
from graphflow.train.saver import Saver, import_meta_graph
from graphflow.train.schedules import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    piecewise_constant,
    piecewise_constant_decay,
    polynomial_decay,
)
from graphflow.train.server import ClusterSpec, Server, replica_device_setter
from graphflow.train.session_run_hook import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphflow.train.supervisor import Supervisor
from graphflow.train.sync_replicas import SyncReplicasOptimizer
