"""Activation functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import FLOATING, REAL
from graphflow.operation import Tensor
from graphflow.ops import special
from graphflow.ops.arithmetic import multiply
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.compare import greater
from graphflow.ops.define import OpDef, convert_to_tensor, define
from graphflow.ops.infer import all_alike, same_as_input
from graphflow.ops.lowering import Elementwise
from graphflow.ops.math import NEG, abs, sigmoid
from graphflow.ops.select import where_v2

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

RELU_GRAD: OpDef = define(
    "ReluGrad", "gradients features",
    infer=all_alike,
    reference=lambda gradients, features: np.where(features > 0, gradients, gradients.dtype.type(0)),
    vjp=(lambda op, dy: RELU_GRAD(dy, op.inputs[1]), lambda op, dy: zeros_like(op.inputs[1])),
    lowering=Elementwise("gradients if features > 0 else T(0)"),
    types=REAL,
)  # fmt: skip

RELU = define(
    "Relu", "features",
    infer=same_as_input,
    reference=lambda x: np.maximum(x, 0),
    vjp=(lambda op, dy: RELU_GRAD(dy, op.output),),
    lowering=Elementwise("features if features > 0 or features != features else T(0)"),
    types=REAL,
)  # fmt: skip

RELU6 = define(
    "Relu6", "features",
    infer=same_as_input,
    reference=lambda x: np.minimum(np.maximum(x, 0), 6),
    vjp=(lambda op, dy: where_v2((op.output > 0) & (op.output < 6), dy, zeros_like(dy)),),
    lowering=Elementwise("T(0) if features <= 0 else (T(6) if features >= 6 else features)"),
    types=REAL,
)  # fmt: skip

ELU = define(
    "Elu", "features",
    infer=same_as_input,
    reference=lambda x: np.where(x < 0, np.expm1(x), x),
    vjp=(lambda op, dy: where_v2(op.output < 0, dy * (op.output + 1), dy),),
    lowering=Elementwise("expm1(features) if features < 0 else features"),
    types=FLOATING,
)  # fmt: skip

SELU = define(
    "Selu", "features",
    infer=same_as_input,
    reference=lambda x: np.where(x < 0, SELU_SCALE * SELU_ALPHA * np.expm1(x), SELU_SCALE * x),
    vjp=(lambda op, dy: where_v2(op.output < 0, dy * (op.output + SELU_SCALE * SELU_ALPHA), dy * SELU_SCALE),),
    lowering=Elementwise(
        f"{SELU_SCALE * SELU_ALPHA} * expm1(features) if features < 0 else {SELU_SCALE} * features"
    ),
    types=FLOATING,
)  # fmt: skip

SOFTPLUS = define(
    "Softplus", "features",
    infer=same_as_input,
    reference=special.softplus,
    vjp=(lambda op, dy: dy * sigmoid(op.inputs[0]),),
    lowering=Elementwise("(features if features > 0 else T(0)) + log1p(exp(-abs(features)))"),
    types=FLOATING,
)  # fmt: skip

SOFTSIGN = define(
    "Softsign", "features",
    infer=same_as_input,
    reference=lambda x: x / (1 + np.abs(x)),
    vjp=(lambda op, dy: dy / (1 + abs(op.inputs[0])) ** 2,),
    lowering=Elementwise("features / (1 + abs(features))"),
    types=FLOATING,
)  # fmt: skip


def relu(features: Any, name: str | None = None) -> Tensor:
    """max(x, 0); NaN stays NaN.   Gradient: 1 where x > 0, else 0."""
    return RELU(features, name=name)


def relu6(features: Any, name: str | None = None) -> Tensor:
    """min(max(x, 0), 6).   Gradient: 1 where 0 < x < 6, else 0."""
    return RELU6(features, name=name)


def elu(features: Any, name: str | None = None) -> Tensor:
    """x where x >= 0, else exp(x) - 1.   Gradient: x."""
    return ELU(features, name=name)


def selu(features: Any, name: str | None = None) -> Tensor:
    """Scaled elu (Klambauer et al. 2017).   Gradient: x."""
    return SELU(features, name=name)


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """x where x > 0, else alpha * x.   Integers become float32.   Gradient: x."""
    features = convert_to_tensor(features, name="features")
    if features.dtype.is_integer:
        features = cast(features, "float32")
    if isinstance(alpha, (int, float)):
        alpha = float(np.float32(alpha))  # TensorFlow keeps it as a float32 attribute
    return where_v2(greater(features, zeros_like(features)), features, multiply(features, alpha),
                    name=name or "LeakyRelu")  # fmt: skip


def softplus(features: Any, name: str | None = None) -> Tensor:
    """log(1 + exp(x)), finite for every finite x.   Gradient: sigmoid(x)."""
    return SOFTPLUS(features, name=name)


def softsign(features: Any, name: str | None = None) -> Tensor:
    """x / (1 + |x|).   Gradient: x."""
    return SOFTSIGN(features, name=name)


def swish(features: Any, name: str | None = None) -> Tensor:
    """x * sigmoid(x).   Gradient: x."""
    features = convert_to_tensor(features, name="features")
    return multiply(features, sigmoid(features), name=name or "IdentityN")  # as TensorFlow happens to call it


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """log(sigmoid(x)), finite for every finite x.   Gradient: x."""
    x = convert_to_tensor(x, name="x")
    return NEG(softplus(-x), name=name or "LogSigmoid")
