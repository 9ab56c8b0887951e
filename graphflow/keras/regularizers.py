"""`tf.keras.regularizers`; re-exports and nothing else."""

from graphflow.layers.named import regularizer as get
from graphflow.layers.regularizers import L1L2, Regularizer, l1, l1_l2, l2
