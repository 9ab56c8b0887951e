"""`tf.linalg`: the names of TensorFlow 1's linalg module; re-exports and nothing else."""

from graphflow.linear_operators import (
    LinearOperator,
    LinearOperatorDiag,
    LinearOperatorFullMatrix,
    LinearOperatorIdentity,
    LinearOperatorLowerTriangular,
)
from graphflow.ops.arrange import (
    matrix_transpose,
)
from graphflow.ops.arrange import (
    matrix_transpose as transpose,
)
from graphflow.ops.clip import (
    global_norm,
)
from graphflow.ops.contraction import (
    einsum,
    tensordot,
)
from graphflow.ops.decompositions import (
    cholesky,
    cholesky_solve,
)
from graphflow.ops.decompositions import (
    matrix_determinant as det,
)
from graphflow.ops.decompositions import (
    matrix_inverse as inv,
)
from graphflow.ops.decompositions import (
    matrix_solve as solve,
)
from graphflow.ops.diagonal import (
    diag as tensor_diag,
)
from graphflow.ops.diagonal import (
    diag_part as tensor_diag_part,
)
from graphflow.ops.diagonal import (
    matrix_band_part as band_part,
)
from graphflow.ops.diagonal import (
    matrix_diag as diag,
)
from graphflow.ops.diagonal import (
    matrix_diag_part as diag_part,
)
from graphflow.ops.diagonal import (
    matrix_set_diag as set_diag,
)
from graphflow.ops.diagonal import (
    trace,
)
from graphflow.ops.factorizations import adjoint, qr, svd
from graphflow.ops.factorizations import self_adjoint_eig as eigh
from graphflow.ops.factorizations import self_adjoint_eigvals as eigvalsh
from graphflow.ops.fill import (
    eye,
)
from graphflow.ops.linalg import (
    matmul,
)
from graphflow.ops.matrices import cross, expm, matvec, tridiagonal_solve
from graphflow.ops.statistics import (
    l2_normalize,
    norm,
)
from graphflow.ops.triangular import logdet, slogdet, triangular_solve
from graphflow.ops.triangular import matrix_solve_ls as lstsq
