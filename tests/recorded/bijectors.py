"""tf.contrib.distributions.bijectors: both ways, both volumes, and a gradient."""

import numpy as np


def _numbers(shape, low=-1.5, high=1.5, seed=0):
    return np.random.RandomState(seed).uniform(low, high, shape).astype(np.float32)


def _all(tf, bijector, x, event_ndims, inverse_ndims=None):
    x = tf.constant(x)
    y = bijector.forward(x)
    inverse_ndims = event_ndims if inverse_ndims is None else inverse_ndims
    volume = bijector.forward_log_det_jacobian(x, event_ndims=event_ndims)
    again = tf.identity(y)
    back = bijector.inverse(again)
    volume_back = bijector.inverse_log_det_jacobian(again, event_ndims=inverse_ndims)
    total = tf.reduce_sum(volume) + tf.reduce_sum(tf.cos(y))
    gradients = tf.gradients(total, [x, *tf.trainable_variables()])
    shapes = [bijector.forward_event_shape_tensor(x.shape[1:]), bijector.inverse_event_shape_tensor(y.shape[1:])]
    return [y, volume, back, volume_back, [g for g in gradients if g is not None], shapes]


def exp_sigmoid_softplus(tf):
    b = tf.contrib.distributions.bijectors
    x = _numbers([2, 3])
    return [_all(tf, m, x, 1) for m in (b.Exp(), b.Sigmoid(), b.Softplus(), b.Softplus(hinge_softness=0.5))]


def others(tf):
    b = tf.contrib.distributions.bijectors
    x = _numbers([2, 3])
    positive = _numbers([2, 3], 0.1, 0.9)
    bijectors = [b.Softsign(), b.Gumbel(0.3, 1.2), b.SinhArcsinh(0.2, 1.5)]
    return [_all(tf, m, x, 0) for m in bijectors] + [
        _all(tf, m, positive, 1) for m in (b.Square(), b.PowerTransform(0.5), b.Kumaraswamy(2.0, 3.0), b.Identity())
    ]


def absolute(tf):
    b = tf.contrib.distributions.bijectors.AbsoluteValue()
    y = tf.constant(_numbers([2, 3], 0.1, 1.0))
    return [b.forward(-y), b.inverse(y), b.inverse_log_det_jacobian(y, 0), b.inverse_log_det_jacobian(y, 1)]


def affine_scalar(tf):
    b = tf.contrib.distributions.bijectors
    return [_all(tf, m, _numbers([2, 3]), 1) for m in (b.AffineScalar(), b.AffineScalar(0.5, -2.0))]


def affine(tf):
    b = tf.contrib.distributions.bijectors
    x, tril = _numbers([4, 3]), _numbers([3, 3], 0.5, 1.5)
    return [
        _all(tf, b.Affine(), x, 1),
        _all(tf, b.Affine([1.0, 2.0, 3.0], 2.0), x, 1),
        _all(tf, b.Affine(scale_diag=[1.0, -2.0, 0.5]), x, 1),
        _all(tf, b.Affine([1.0, 2.0, 3.0], scale_tril=tril, scale_diag=[1.0, 2.0, 0.5]), x, 1),
        _all(tf, b.Affine(scale_identity_multiplier=0.5, scale_tril=tril), x, 1),
        _all(tf, b.Affine(scale_diag=[1.0, 2.0, 0.5], scale_perturb_factor=tril[:, :2], scale_perturb_diag=[1.0, 2.0]),
             x, 1),
        _all(tf, b.AffineLinearOperator([1.0, 2.0, 3.0], tf.linalg.LinearOperatorLowerTriangular(tril)), x, 1),
    ]  # fmt: skip


def affine_batch(tf):
    b = tf.contrib.distributions.bijectors
    tril = _numbers([2, 3, 3], 0.5, 1.5)
    return _all(tf, b.Affine([[1.0, 2.0, 3.0]], scale_tril=tril), _numbers([4, 2, 3]), 1)


def chains(tf):
    b = tf.contrib.distributions.bijectors
    x = _numbers([2, 3])
    chain = b.Chain([b.Exp(), b.AffineScalar(0.5, 2.0), b.Softplus()])
    inverse = b.Invert(b.Chain([b.Sigmoid(), b.Affine(scale_diag=[1.0, 2.0, 3.0])]))
    inline = b.Inline(
        forward_fn=tf.exp, inverse_fn=tf.log, inverse_log_det_jacobian_fn=lambda y: -tf.log(y),
        forward_log_det_jacobian_fn=lambda x: x, forward_min_event_ndims=0, name="my_exp",
    )  # fmt: skip
    half = b.Inline(
        forward_fn=lambda x: 2.0 * x,
        inverse_fn=lambda y: y / 2.0,
        inverse_log_det_jacobian_fn=lambda y: -tf.log(2.0) * tf.ones_like(y),
        forward_min_event_ndims=0,
    )
    names = tf.constant([chain.name, inverse.name, inline.name])
    return [names, _all(tf, chain, x, 1), _all(tf, inverse, _numbers([2, 3], 0.1, 0.9), 1), _all(tf, inline, x, 0),
            _all(tf, half, x, 1)]  # fmt: skip


def vectors(tf):
    b = tf.contrib.distributions.bijectors
    x = _numbers([2, 3])
    return [
        _all(tf, b.Permute([2, 0, 1]), x, 1),
        _all(tf, b.Invert(b.Ordered()), x, 1),
        _all(tf, b.SoftmaxCentered(), x, 1),
        _all(tf, b.Reshape([2, 3], [6]), _numbers([4, 6]), 1, 2),
        _all(tf, b.Reshape([-1, 2]), _numbers([4, 6]), 1, 2),
    ]


def matrices(tf):
    b = tf.contrib.distributions.bijectors
    x = _numbers([2, 6])
    square = _numbers([2, 3, 3], 0.5, 1.5) * np.tri(3, dtype=np.float32)
    return [
        _all(tf, b.FillTriangular(), x, 1, 2),
        _all(tf, b.FillTriangular(upper=True), x, 1, 2),
        _all(tf, b.ScaleTriL(), x, 1, 2),
        _all(tf, b.ScaleTriL(diag_bijector=b.Exp(), diag_shift=None), x, 1, 2),
        _all(tf, b.CholeskyOuterProduct(), square, 2),
        _all(tf, b.TransformDiagonal(b.Exp()), square, 2),
        _all(tf, b.MatrixInverseTriL(), square, 2),
    ]


def masked_autoregressive(tf):
    b = tf.contrib.distributions.bijectors
    flow = b.MaskedAutoregressiveFlow(b.masked_autoregressive_default_template([8, 8]))
    return _all(tf, flow, _numbers([2, 4]), 1)


def masked_autoregressive_unrolled(tf):
    b = tf.contrib.distributions.bijectors
    template = b.masked_autoregressive_default_template([6], shift_only=True, activation=tf.nn.tanh, name="mine")
    return _all(tf, b.MaskedAutoregressiveFlow(template, unroll_loop=True), _numbers([2, 3]), 1)


def real_nvp(tf):
    b = tf.contrib.distributions.bijectors
    first = b.RealNVP(2, b.real_nvp_default_template([5]))
    second = b.RealNVP(1, b.real_nvp_default_template([4], shift_only=True))
    chain = b.Chain([second, b.Permute([3, 2, 1, 0]), first])
    x = tf.constant(_numbers([3, 4]))
    y = chain.forward(x)
    again = tf.identity(y)
    volume = chain.inverse_log_det_jacobian(again, event_ndims=1)  # the forward one has a wrong sign in TensorFlow
    gradients = tf.gradients(volume, tf.trainable_variables())
    return [y, chain.inverse(again), volume, [g for g in gradients if g is not None]]


def batch_normalization(tf):
    b = tf.contrib.distributions.bijectors.BatchNormalization()
    y = tf.constant(_numbers([4, 3]))
    x = b.inverse(y)
    volume = b.inverse_log_det_jacobian(y, event_ndims=1)
    return [x, volume, b.forward(tf.identity(x)), b.forward_log_det_jacobian(tf.identity(x), event_ndims=1)]


def transformed(tf):
    d = tf.contrib.distributions
    b = d.bijectors
    log_normal = d.TransformedDistribution(d.Normal([0.0, 0.5], 1.0), b.Exp(), name="LogNormal")
    y = tf.constant([[0.5, 1.5], [2.0, 3.0]])
    return [
        log_normal.log_prob(y), log_normal.prob(y), log_normal.cdf(y), log_normal.log_cdf(y),
        log_normal.survival_function(y), log_normal.batch_shape_tensor(), log_normal.event_shape_tensor(),
        tf.gradients(log_normal.log_prob(y), y),
        d.TransformedDistribution(d.Normal(0.0, 1.0), b.AbsoluteValue()).log_prob(y),
        d.TransformedDistribution(d.Normal(0.0, 1.0), b.AffineScalar(1.0, 3.0)).entropy(),
    ]  # fmt: skip


def transformed_event(tf):
    d = tf.contrib.distributions
    b = d.bijectors
    normal = d.TransformedDistribution(
        d.Normal(0.0, 1.0), b.Affine([1.0, -1.0], scale_tril=[[1.0, 0.0], [0.5, 2.0]]), event_shape=[2]
    )
    batch = d.TransformedDistribution(d.Normal([0.0, 1.0, 2.0], 1.0), b.Affine(scale_diag=[1.0, 2.0]), event_shape=[2])
    more = d.TransformedDistribution(d.Normal(0.0, 1.0), b.Exp(), batch_shape=[2])
    y, z = tf.constant(_numbers([4, 2])), tf.constant(_numbers([4, 3, 2]))
    shapes = [batch.batch_shape_tensor(), batch.event_shape_tensor(), tf.shape(normal.sample(3)),
              tf.shape(batch.sample([2, 5]))]  # fmt: skip
    return [normal.log_prob(y), normal.prob(y), normal.entropy(), batch.log_prob(z), more.log_prob(tf.exp(y)), shapes]


def triangles(tf):
    d = tf.contrib.distributions
    x = tf.constant(_numbers([2, 6]))
    full = d.fill_triangular(x, upper=True)
    below, diag = tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0, 5.0]])
    weighted = d.reduce_weighted_logsumexp(x, [1.0, -2.0, 0.5, 0.1, 1.0, -1.0], axis=-1, return_sign=True)
    return [full, d.fill_triangular_inverse(full, upper=True), d.tridiag(below, diag, below * 2.0), weighted,
            d.matrix_diag_transform(full, tf.exp), d.softplus_inverse(tf.constant([1e-8, 0.5, 2.0, 30.0]))]  # fmt: skip
