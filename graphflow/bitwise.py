"""`tf.bitwise`: re-exports and nothing else."""

from graphflow.ops.bitwise import bitwise_and, bitwise_or, bitwise_xor, invert, left_shift, right_shift
