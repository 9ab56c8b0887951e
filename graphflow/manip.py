"""`tf.manip`: re-exports and nothing else."""

from graphflow.ops.arrange import reverse, roll, tile
from graphflow.ops.indexing import gather_nd, scatter_nd
from graphflow.ops.shape_ops import reshape
from graphflow.ops.space import batch_to_space_nd, space_to_batch_nd
