"""`tf.contrib.rnn`: the cells of `tf.nn.rnn_cell`, and more."""

from graphflow.contrib.rnn.attention import AttentionCellWrapper
from graphflow.contrib.rnn.block import GRUBlockCell, GRUBlockCellV2, LSTMBlockCell
from graphflow.contrib.rnn.convolutional import Conv1DLSTMCell, Conv2DLSTMCell, Conv3DLSTMCell, ConvLSTMCell
from graphflow.contrib.rnn.frequency import BidirectionalGridLSTMCell, GridLSTMCell, TimeFreqLSTMCell
from graphflow.contrib.rnn.fused import FusedRNNCellAdaptor, LSTMBlockFusedCell, TimeReversedFusedRNN
from graphflow.contrib.rnn.gated import CoupledInputForgetGateLSTMCell, NASCell, SRUCell, UGRNNCell
from graphflow.contrib.rnn.grouped import GLSTMCell, IntersectionRNNCell
from graphflow.contrib.rnn.independent import IndRNNCell, IndyGRUCell, IndyLSTMCell
from graphflow.contrib.rnn.layer_norm import LayerNormBasicLSTMCell
from graphflow.contrib.rnn.phased import PhasedLSTMCell
from graphflow.recurrent.bidirectional import (
    stack_bidirectional_dynamic_rnn,
    stack_bidirectional_rnn,
    static_bidirectional_rnn,
)
from graphflow.recurrent.cell import LSTMStateTuple, RNNCell
from graphflow.recurrent.cells import BasicLSTMCell, BasicRNNCell, GRUCell, LSTMCell
from graphflow.recurrent.unroll import static_rnn
from graphflow.recurrent.wrappers import (
    DeviceWrapper,
    DropoutWrapper,
    EmbeddingWrapper,
    HighwayWrapper,
    InputProjectionWrapper,
    MultiRNNCell,
    OutputProjectionWrapper,
    ResidualWrapper,
)
