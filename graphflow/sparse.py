"""`tf.sparse`: re-exports and nothing else."""

from graphflow.ops.segments import sparse_segment_mean as segment_mean
from graphflow.ops.segments import sparse_segment_sqrt_n as segment_sqrt_n
from graphflow.ops.segments import sparse_segment_sum as segment_sum
from graphflow.ops.sparse.arrange import sparse_concat as concat
from graphflow.ops.sparse.arrange import sparse_fill_empty_rows as fill_empty_rows
from graphflow.ops.sparse.arrange import sparse_mask as mask
from graphflow.ops.sparse.arrange import sparse_reorder as reorder
from graphflow.ops.sparse.arrange import sparse_reset_shape as reset_shape
from graphflow.ops.sparse.arrange import sparse_reshape as reshape
from graphflow.ops.sparse.arrange import sparse_retain as retain
from graphflow.ops.sparse.arrange import sparse_slice as slice
from graphflow.ops.sparse.arrange import sparse_split as split
from graphflow.ops.sparse.arrange import sparse_transpose as transpose
from graphflow.ops.sparse.math import sparse_add as add
from graphflow.ops.sparse.math import sparse_maximum as maximum
from graphflow.ops.sparse.math import sparse_minimum as minimum
from graphflow.ops.sparse.math import sparse_reduce_max as reduce_max
from graphflow.ops.sparse.math import sparse_reduce_sum as reduce_sum
from graphflow.ops.sparse.math import sparse_softmax as softmax
from graphflow.ops.sparse.math import sparse_tensor_dense_matmul as matmul
from graphflow.ops.sparse.math import sparse_tensor_dense_matmul as sparse_dense_matmul
from graphflow.ops.sparse.math import sparse_to_indicator as to_indicator
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.sparse.tensor import sparse_placeholder as placeholder
from graphflow.ops.sparse.tensor import sparse_tensor_to_dense as to_dense
