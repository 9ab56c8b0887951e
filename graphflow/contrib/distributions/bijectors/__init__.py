"""`tf.contrib.distributions.bijectors`: re-exports and nothing else."""

from graphflow.contrib.distributions.bijectors.affine import Affine, AffineLinearOperator, AffineScalar
from graphflow.contrib.distributions.bijectors.base import Bijector
from graphflow.contrib.distributions.bijectors.batch_normalization import BatchNormalization
from graphflow.contrib.distributions.bijectors.compose import Chain, Identity, Inline, Invert
from graphflow.contrib.distributions.bijectors.elementwise import (
    AbsoluteValue,
    Exp,
    Gumbel,
    Kumaraswamy,
    PowerTransform,
    Sigmoid,
    SinhArcsinh,
    Softplus,
    Softsign,
    Square,
)
from graphflow.contrib.distributions.bijectors.flows import (
    MaskedAutoregressiveFlow,
    RealNVP,
    masked_autoregressive_default_template,
    masked_dense,
    real_nvp_default_template,
)
from graphflow.contrib.distributions.bijectors.matrices import (
    CholeskyOuterProduct,
    FillTriangular,
    MatrixInverseTriL,
    ScaleTriL,
    TransformDiagonal,
)
from graphflow.contrib.distributions.bijectors.vectors import Ordered, Permute, Reshape, SoftmaxCentered

ConditionalBijector = Bijector  # every bijector takes the arguments of a condition
