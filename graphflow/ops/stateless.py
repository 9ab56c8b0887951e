"""Random tensors whose values are a function of a seed that they are given: the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import INDEX, REAL, DType, as_dtype, float32, int32, int64
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops import philox
from graphflow.ops.arithmetic import add
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.random import (
    integer_values,
    multinomial_samples,
    sampled_classes,
    shape_tensor,
    shaped,
    uniform_dtype,
    uniform_values,
    words_for,
)
from graphflow.ops.seeds import key_of
from graphflow.shape import Dims, merge


def _infer(shape: Tensor, seed: Tensor, *_: Tensor, dtype: DType) -> tuple[Dims, DType]:
    merge(seed.dims, (2,))
    return shaped(shape, dtype=dtype)


def _key(seed: np.ndarray) -> int:
    return key_of(*seed.tolist())


def _words(shape: np.ndarray, seed: np.ndarray) -> np.ndarray:
    return words_for(shape, _key(seed), 0)


STATELESS_UNIFORM = define(
    "StatelessRandomUniform", "shape:I seed:S",
    infer=_infer,
    reference=lambda shape, seed, dtype: uniform_values(_words(shape, seed), dtype),
    types={"S": INDEX},
    vjp=NO_GRADIENT,
)  # fmt: skip

STATELESS_NORMAL = define(
    "StatelessRandomNormal", "shape:I seed:S",
    infer=_infer,
    reference=lambda shape, seed, dtype: philox.normals(_words(shape, seed), dtype.dtype),
    types={"S": INDEX},
    vjp=NO_GRADIENT,
)  # fmt: skip

STATELESS_TRUNCATED = define(
    "StatelessTruncatedNormal", "shape:I seed:S",
    infer=_infer,
    reference=lambda shape, seed, dtype: philox.normals(_words(shape, seed), dtype.dtype, truncated=True),
    types={"S": INDEX},
    vjp=NO_GRADIENT,
)  # fmt: skip

STATELESS_UNIFORM_INT = define(
    "StatelessRandomUniformInt", "shape:I seed:S minval maxval",
    infer=lambda shape, seed, minval, maxval: _infer(shape, seed, dtype=minval.dtype),
    reference=lambda shape, seed, minval, maxval: integer_values(_words(shape, seed), minval, maxval),
    types={"S": INDEX, "T": (int32, int64)},
    vjp=NO_GRADIENT,
)  # fmt: skip

STATELESS_MULTINOMIAL = define(
    "StatelessMultinomial", "logits num_samples:int32 seed:S",
    infer=sampled_classes,
    reference=lambda logits, num_samples, seed, output_dtype: multinomial_samples(
        logits, int(num_samples), _key(seed), 0
    ),
    types={"S": INDEX, "T": REAL},
    vjp=NO_GRADIENT,
)  # fmt: skip


def _seed_tensor(seed: Any) -> Tensor:
    tensor = convert_to_tensor(seed, dtype_hint=int32, name="seed")
    require_rank(tensor, 1, "the seed")
    return tensor


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """As random_uniform; `seed` is a pair of integers.   Raises: ValueError for integers without maxval."""
    wanted = uniform_dtype(dtype, maxval)
    with name_scope(name, "stateless_random_uniform", [shape, seed, minval, maxval]) as scope:
        sizes, pair = shape_tensor(shape), _seed_tensor(seed)
        low = convert_to_tensor(minval, wanted, name="min")
        high = convert_to_tensor(1 if maxval is None else maxval, wanted, name="max")
        if wanted.is_integer:
            return STATELESS_UNIFORM_INT(sizes, pair, low, high, name=scope)
        return add(STATELESS_UNIFORM(sizes, pair, dtype=wanted) * (high - low), low, name=scope)


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """As random_normal; `seed` is a pair of integers.   Gradient: mean and stddev."""
    with name_scope(name, "stateless_random_normal", [shape, seed, mean, stddev]) as scope:
        return _scaled(STATELESS_NORMAL, shape, seed, mean, stddev, as_dtype(dtype), scope)


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """As truncated_normal; `seed` is a pair of integers.   Gradient: mean and stddev."""
    with name_scope(name, "stateless_truncated_normal", [shape, seed, mean, stddev]) as scope:
        return _scaled(STATELESS_TRUNCATED, shape, seed, mean, stddev, as_dtype(dtype), scope)


def _scaled(record: Any, shape: Any, seed: Any, mean: Any, stddev: Any, dtype: DType, scope: str) -> Tensor:
    if not dtype.is_floating:
        raise GraphError(f"normal numbers can be float16, float32 or float64, not {dtype.name}")
    sizes, pair = shape_tensor(shape), _seed_tensor(seed)
    middle = convert_to_tensor(mean, dtype, name="mean")
    width = convert_to_tensor(stddev, dtype, name="stddev")
    return add(record(sizes, pair, dtype=dtype) * width, middle, name=scope)


def stateless_multinomial(
    logits: Any, num_samples: Any, seed: Any, output_dtype: Any = int64, name: str | None = None
) -> Tensor:
    """As multinomial; `seed` is a pair of integers."""
    with name_scope(name, "stateless_multinomial", [logits, seed]):
        return STATELESS_MULTINOMIAL(convert_to_tensor(logits, name="logits"), num_samples, _seed_tensor(seed),
                                     output_dtype=as_dtype(output_dtype))  # fmt: skip
