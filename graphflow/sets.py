"""`tf.sets`: re-exports and nothing else."""

from graphflow.ops.sparse.sets import set_difference, set_intersection, set_size, set_union

difference, intersection, size, union = set_difference, set_intersection, set_size, set_union
