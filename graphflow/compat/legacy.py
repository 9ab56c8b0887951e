"""Names and argument orders of TensorFlow 0.x, for old programs; `import graphflow` does not have them.

The first use of each gives one warning that names today's spelling.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.compat.lookup import resolve
from graphflow.operation import Tensor
from graphflow.ops.arrange import reverse
from graphflow.ops.join import concat, split
from graphflow.variables import Variable

# Old path: today's.  Both take the same arguments in the same order, or a function below puts them in order.
_LINES = """
all_variables                   global_variables
initialize_all_variables        global_variables_initializer
initialize_variables            variables_initializer
initialize_local_variables      local_variables_initializer
initialize_all_tables           tables_initializer
mul                             multiply
sub                             subtract
neg                             negative
complex_abs                     abs
inv                             reciprocal
listdiff                        setdiff1d
pack                            stack
unpack                          unstack
select                          where
batch_matmul                    matmul
batch_matrix_band_part          matrix_band_part
batch_matrix_determinant        matrix_determinant
batch_matrix_diag               matrix_diag
batch_matrix_diag_part          matrix_diag_part
batch_matrix_inverse            matrix_inverse
batch_matrix_set_diag           matrix_set_diag
batch_matrix_solve              matrix_solve
batch_matrix_solve_ls           matrix_solve_ls
batch_matrix_transpose          matrix_transpose
batch_matrix_triangular_solve   matrix_triangular_solve
batch_cholesky                  cholesky
batch_cholesky_solve            cholesky_solve
batch_self_adjoint_eig          self_adjoint_eig
batch_svd                       svd
batch_fft                       fft
batch_ifft                      ifft
scalar_summary                  summary.scalar
histogram_summary               summary.histogram
image_summary                   summary.image
audio_summary                   summary.audio
merge_summary                   summary.merge
merge_all_summaries             summary.merge_all
image.per_image_whitening       image.per_image_standardization
nn.rnn                          nn.static_rnn
nn.state_saving_rnn             nn.static_state_saving_rnn
nn.bidirectional_rnn            nn.static_bidirectional_rnn
nn.seq2seq                      contrib.legacy_seq2seq
train.SummaryWriter             summary.FileWriter
"""
RENAMED: dict[str, str] = dict(zip(_LINES.split()[::2], _LINES.split()[1::2], strict=True))


def legacy_name(path: str, name: str) -> Any:
    """What `tf.<path>.<name>` was before TensorFlow 1, with a warning; None for a name that is not of that time."""
    old = f"{path}.{name}".lstrip(".")
    if old in ORDERED:
        return ORDERED[old]
    if old not in RENAMED:
        return None
    today = resolve(RENAMED[old])
    _warn(f"tf.{old} is called tf.{RENAMED[old]} since TensorFlow 1.0")
    return REORDERED.get(old, lambda function: function)(today)


_warned: set[str] = set()


def _warn(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, FutureWarning, stacklevel=_depth())


def _depth() -> int:
    """The stack level, seen from `_warn`, of the innermost frame outside graphflow."""
    level, frame = 2, sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("graphflow."):
        level, frame = level + 1, frame.f_back
    return level


# -- arguments in another order --------------------------------------------------------------------------------------
def _is_number(value: Any) -> bool:
    """Whether a value can be an axis: a whole number, or a scalar tensor."""
    if isinstance(value, (Tensor, Variable)):
        return value.dtype.is_integer and value.shape.ndims == 0
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _concat(values: Any = None, axis: Any = None, name: str = "concat", concat_dim: Any = None) -> Tensor:
    """`tf.concat(values, axis)`; also `(concat_dim, values)`, as it was, told apart by the arguments' types."""
    if concat_dim is not None:
        _warn("tf.concat(concat_dim, values) is tf.concat(values, axis) since TensorFlow 1.0")
        values, axis = (values if axis is None else axis), concat_dim
    elif _is_number(values) and not _is_number(axis):
        _warn("tf.concat(axis, values) is tf.concat(values, axis) since TensorFlow 1.0")
        values, axis = axis, values
    return concat(values, axis, name=name)


def _split(
    value: Any = None,
    num_or_size_splits: Any = None,
    axis: Any = 0,
    num: int | None = None,
    name: str = "split",
    split_dim: Any = None,
    num_split: int | None = None,
) -> list[Tensor]:
    """`tf.split(value, n, axis)`; also `(split_dim, num_split, value)`, as it was, told apart by the types."""
    if split_dim is not None or num_split is not None:
        given = [v for v in (value, num_or_size_splits) if v is not None]
        split_dim = given.pop(0) if split_dim is None else split_dim
        num_split = given.pop(0) if num_split is None else num_split
        value, num_or_size_splits, axis = (given.pop(0) if given else axis), num_split, split_dim
        _warn("tf.split(split_dim, num_split, value) is tf.split(value, num_or_size_splits, axis) since TensorFlow 1.0")
    elif _is_number(value) and isinstance(num_or_size_splits, int) and not _is_number(axis):
        _warn("tf.split(axis, n, value) is tf.split(value, n, axis) since TensorFlow 1.0")
        value, axis = axis, value
    return split(value, num_or_size_splits, axis, num, name)


def _reverse(tensor: Any, axis: Any = None, name: str | None = None, dims: Any = None) -> Tensor:
    """`tf.reverse(tensor, axes)`; also with one bool a dimension, as it was."""
    flags = dims if dims is not None else axis
    if (
        isinstance(flags, (list, tuple, np.ndarray))
        and len(flags)
        and all(isinstance(f, (bool, np.bool_)) for f in flags)
    ):
        _warn("tf.reverse(tensor, [True, False]) is tf.reverse(tensor, [0]) since TensorFlow 1.0")
        flags = [i for i, flag in enumerate(flags) if flag]
    return reverse(tensor, flags, name)


ORDERED: dict[str, Callable] = {"concat": _concat, "split": _split, "reverse": _reverse}


def _select(where: Callable) -> Callable:
    def select(condition: Any, t: Any = None, e: Any = None, name: str | None = None) -> Tensor:
        return where(condition, t, e, name=name)

    return select


def _batch_matmul(matmul: Callable) -> Callable:
    def batch_matmul(x: Any, y: Any, adj_x: bool = False, adj_y: bool = False, name: str | None = None) -> Tensor:
        return matmul(x, y, adjoint_a=bool(adj_x), adjoint_b=bool(adj_y), name=name)

    return batch_matmul


def _summary(summary: Callable) -> Callable:
    """The tag comes first, and `max_images` is an older name of `max_outputs`."""

    def tagged(tag: Any = None, values: Any = None, *more: Any, tags: Any = None, **others: Any) -> Tensor:
        if "max_images" in others:
            others["max_outputs"] = others.pop("max_images")
        name = others.pop("name", None)
        label = tags if tags is not None else tag if tag is not None else name
        values = others.pop("tensor", values)
        return summary(label if isinstance(label, str) else name or "summary", values, *more, **others)

    return tagged


REORDERED: dict[str, Callable[[Callable], Callable]] = {
    "select": _select,
    "batch_matmul": _batch_matmul,
    "scalar_summary": _summary,
    "histogram_summary": _summary,
    "image_summary": _summary,
}
