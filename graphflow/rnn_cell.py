"""`tf.nn.rnn_cell`: cells; re-exports and nothing else."""

from graphflow.recurrent.cell import LSTMStateTuple, RNNCell
from graphflow.recurrent.cells import BasicLSTMCell, BasicRNNCell, GRUCell, LSTMCell
from graphflow.recurrent.wrappers import DeviceWrapper, DropoutWrapper, MultiRNNCell, ResidualWrapper
