"""Names and argument orders of TensorFlow 0.x, for old programs; `import graphflow` does not have them.

The first use of each gives one warning that names today's spelling.
"""

from __future__ import annotations

import functools
from typing import Any

from graphflow.compat.lookup import resolve
from graphflow.compat.orders import ORDERS
from graphflow.compat.warn import warn_once

# The old name and today's.
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


@functools.cache
def legacy_name(path: str, name: str) -> Any:
    """What `tf.<path>.<name>` was before TensorFlow 1; None where that is what it is today.

    A name that has changed warns; a function whose arguments have changed places takes both orders, and warns when the
    old one is used.   Raises: UnsupportedError when graphflow does not have it under its new name either.
    """
    old = f"{path}.{name}".lstrip(".")
    today = RENAMED.get(old, old)
    if today == old and old not in ORDERS:
        return None
    function = resolve(today)
    if today != old:
        warn_once(f"tf.{old} is called tf.{today} since TensorFlow 1.0")
    return ORDERS[old](function) if old in ORDERS else function
