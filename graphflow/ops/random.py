"""Random tensors: new values in every run, the same sequence in every session when seeds are set."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, DType, as_dtype, float32, float64, int32, int64
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops import philox
from graphflow.ops.arithmetic import add, maximum
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Lowering, Random
from graphflow.ops.seeds import seed_attrs
from graphflow.ops.shape_ops import shape as shape_of
from graphflow.ops.slicing import slice_
from graphflow.ops.static import static_dims, static_value
from graphflow.shape import Dims, show


# -- shapes ----------------------------------------------------------------------------------------------------------
def shaped(shape: Tensor, *_: Tensor, dtype: DType, **__: Any) -> tuple[Dims, DType]:
    """The shape that the first input holds, a dtype that an attribute names."""
    require_rank(shape, 1, "the shape")
    return static_dims(shape), dtype


def checked_sizes(shape: np.ndarray) -> tuple[int, ...]:
    """A shape as ints; InvalidArgumentError when one is negative."""
    sizes = tuple(shape.tolist())
    if any(size < 0 for size in sizes):
        raise InvalidArgumentError.because(f"a shape has no negative sizes, and {show(sizes)} does")
    return sizes


def words_for(shape: np.ndarray, key: int, draw: int) -> np.ndarray:
    """Philox words [*shape, 2]."""
    sizes = checked_sizes(shape)
    return philox.philox_words(key, draw, int(np.prod(sizes, dtype=np.int64))).reshape(*sizes, 2)


def uniform_values(words: np.ndarray, dtype: DType) -> np.ndarray:
    """Numbers in [0, 1), in the dtype; float16 from 11 bits, so that none is rounded up to 1."""
    if dtype is dtypes.float16:
        return (words[..., 0] >> 21).astype(np.float16) * np.float16(2.0**-11)
    return philox.uniforms(words, dtype.dtype)


def integer_values(words: np.ndarray, minval: np.ndarray, maxval: np.ndarray) -> np.ndarray:
    """Integers in [minval, maxval), from both words: the bias of the remainder is below 2**-32 for int32."""
    low, high = int(minval), int(maxval)
    if low >= high and words.size:
        raise InvalidArgumentError.because(f"minval must be less than maxval, and {low} is not less than {high}")
    span = np.uint64(max(high - low, 1))
    offset = philox.word64(words[..., 0], words[..., 1]) % span
    return (offset + np.array(low % 2**64, np.uint64)).astype(np.int64)  # wraps around, back into the range


def multinomial_samples(logits: np.ndarray, num_samples: int, key: int, draw: int) -> np.ndarray:
    """Class indices [batch, num_samples]; classes whose logit is not finite are never drawn."""
    if logits.ndim != 2 or num_samples < 0 or (logits.size == 0 and len(logits) > 0):
        raise InvalidArgumentError.because(
            f"logits must be [batch, at least one class], and are {show(logits.shape)}; num_samples is {num_samples}"
        )
    words = words_for(np.array([len(logits), num_samples]), key, draw)
    uniform = philox.uniform64(words[..., 0], words[..., 1])
    out = np.zeros((len(logits), num_samples), np.int64)
    for row, u, drawn in zip(logits.astype(np.float64), uniform, out, strict=True):
        finite = np.isfinite(row)
        if finite.any():
            weights = np.where(finite, np.exp(row - row[finite].max()), 0.0)
            sums = np.cumsum(weights)
            last = np.flatnonzero(weights)[-1]
            drawn[:] = np.minimum(np.searchsorted(sums, u * sums[-1], side="right"), last)
    return out


# -- records -----------------------------------------------------------------------------------------------------------
def _lowered(functions: str) -> Any:
    """`<functions>32(a)` for float32, `<functions>64(a, b)` for float64; other dtypes run the reference."""

    def lower(op: Operation) -> Lowering:
        dtype = op.output.dtype
        if dtype is float32:
            return Random(f"{functions}32(a)")
        return Random(f"{functions}64(a, b)") if dtype is float64 else None

    return lower


RANDOM_UNIFORM = define(
    "RandomUniform", "shape:I",
    infer=shaped,
    reference=lambda shape, seed, seed2, dtype, key, draw: uniform_values(words_for(shape, key, draw), dtype),
    vjp=NO_GRADIENT,
    lowering=_lowered("uniform"),
    stateful=True,
    draws=True,
)  # fmt: skip

RANDOM_STANDARD_NORMAL = define(
    "RandomStandardNormal", "shape:I",
    infer=shaped,
    reference=lambda shape, seed, seed2, dtype, key, draw: philox.normals(words_for(shape, key, draw), dtype.dtype),
    vjp=NO_GRADIENT,
    lowering=_lowered("normal"),
    stateful=True,
    draws=True,
)  # fmt: skip

TRUNCATED_NORMAL = define(
    "TruncatedNormal", "shape:I",
    infer=shaped,
    reference=lambda shape, seed, seed2, dtype, key, draw: philox.normals(
        words_for(shape, key, draw), dtype.dtype, truncated=True
    ),
    vjp=NO_GRADIENT,
    lowering=_lowered("truncated"),
    stateful=True,
    draws=True,
)  # fmt: skip


def _uniform_int_infer(shape: Tensor, minval: Tensor, maxval: Tensor, **_: Any) -> tuple[Dims, DType]:
    require_rank(minval, 0, "minval")
    require_rank(maxval, 0, "maxval")
    return shaped(shape, dtype=minval.dtype)


RANDOM_UNIFORM_INT = define(
    "RandomUniformInt", "shape:I minval maxval",
    infer=_uniform_int_infer,
    reference=lambda shape, minval, maxval, seed, seed2, key, draw: integer_values(
        words_for(shape, key, draw), minval, maxval
    ),
    vjp=NO_GRADIENT,
    types=(int32, int64),
    stateful=True,
    draws=True,
)  # fmt: skip

RANDOM_SHUFFLE = define(
    "RandomShuffle", "value",
    infer=lambda value, seed, seed2: (value.dims, value.dtype),
    reference=lambda value, seed, seed2, key, draw: _shuffled(value, key, draw),
    vjp=NO_GRADIENT,
    stateful=True,
    draws=True,
)  # fmt: skip


def _shuffled(value: np.ndarray, key: int, draw: int) -> np.ndarray:
    if value.ndim == 0:
        return value
    words = philox.philox_words(key, draw, len(value))
    return value[np.argsort(philox.word64(words[:, 0], words[:, 1]), kind="stable")]


def sampled_classes(logits: Tensor, num_samples: Tensor, *_: Tensor, output_dtype: DType, **__: Any) -> Any:
    """[batch, num_samples] for logits [batch, classes]."""
    batch, _classes = require_rank(logits, 2, "logits")
    require_rank(num_samples, 0, "num_samples")
    count = static_value(num_samples)
    return (batch, None if count is None else int(count)), output_dtype


MULTINOMIAL = define(
    "Multinomial", "logits num_samples:int32",
    infer=sampled_classes,
    reference=lambda logits, num_samples, seed, seed2, output_dtype, key, draw: multinomial_samples(
        logits, int(num_samples), key, draw
    ),
    vjp=NO_GRADIENT,
    types=dtypes.REAL,
    stateful=True,
    draws=True,
)  # fmt: skip


def _for_each(shape: Tensor, parameter: Tensor, *, dtype: DType, **_: Any) -> tuple[Dims, DType]:
    """The shape that the first input holds, followed by that of the parameter."""
    dims = shaped(shape, dtype=dtype)[0]
    return None if dims is None or parameter.dims is None else dims + parameter.dims, dtype


def generator(key: int, draw: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key, counter=draw << 128))


def _gamma(shape: np.ndarray, alpha: np.ndarray, seed: int, seed2: int, dtype: DType, key: int, draw: int) -> Any:
    return generator(key, draw).standard_gamma(alpha.astype(np.float64), checked_sizes(shape) + alpha.shape)


def _poisson(shape: np.ndarray, rate: np.ndarray, seed: int, seed2: int, dtype: DType, key: int, draw: int) -> Any:
    return generator(key, draw).poisson(rate.astype(np.float64), checked_sizes(shape) + rate.shape)


RANDOM_GAMMA = define("RandomGamma", "shape:I alpha", _for_each, _gamma, FLOATING, stateful=True, draws=True)
RANDOM_POISSON = define("RandomPoissonV2", "shape:I rate", _for_each, _poisson, dtypes.WIDE, vjp=NO_GRADIENT,
                        stateful=True, draws=True)  # fmt: skip


# -- public functions ----------------------------------------------------------------------------------------------
def shape_tensor(shape: Any) -> Tensor:
    """A shape, whatever it is made of, as an index tensor named `shape`."""
    return convert_to_tensor(shape, dtype_hint=int32, name="shape")


def uniform_dtype(dtype: Any, maxval: Any) -> DType:
    """The dtype of uniform numbers; ValueError for one that they cannot have, and for integers without `maxval`."""
    wanted = as_dtype(dtype)
    if wanted not in (*FLOATING, int32, int64):
        raise GraphError(f"random numbers can be float16, float32, float64, int32 or int64, not {wanted.name}")
    if wanted.is_integer and maxval is None:
        raise GraphError(f"maxval is needed for random numbers of dtype {wanted.name}")
    return wanted


def random_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers equally likely everywhere in [minval, maxval).

    Dtype:  floating (maxval 1 by default), int32 or int64.
    Raises: ValueError for integers without maxval; InvalidArgumentError for integers when minval >= maxval.
    """
    wanted = uniform_dtype(dtype, maxval)
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        sizes = shape_tensor(shape)
        low = convert_to_tensor(minval, wanted, name="min")
        high = convert_to_tensor(1 if maxval is None else maxval, wanted, name="max")
        if wanted.is_integer:
            return RANDOM_UNIFORM_INT(sizes, low, high, **seed_attrs(seed), name=scope)
        draw = RANDOM_UNIFORM(sizes, **seed_attrs(seed), dtype=wanted)
        return add(draw * (high - low), low, name=scope)


def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers with this mean and standard deviation, which broadcast.   Gradient: mean and stddev."""
    with name_scope(name, "random_normal", [shape, mean, stddev]) as scope:
        return _scaled(RANDOM_STANDARD_NORMAL, shape, mean, stddev, as_dtype(dtype), seed, scope)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers, none of them further than two standard deviations from the mean.   Gradient: mean and stddev."""
    with name_scope(name, "truncated_normal", [shape, mean, stddev]) as scope:
        return _scaled(TRUNCATED_NORMAL, shape, mean, stddev, as_dtype(dtype), seed, scope)


def _scaled(record: Any, shape: Any, mean: Any, stddev: Any, dtype: DType, seed: int | None, scope: str) -> Tensor:
    if not dtype.is_floating:
        raise DTypeError(f"normal numbers can be float16, float32 or float64, not {dtype.name}")
    sizes = shape_tensor(shape)
    middle = convert_to_tensor(mean, dtype, name="mean")
    width = convert_to_tensor(stddev, dtype, name="stddev")
    return add(record(sizes, **seed_attrs(seed), dtype=dtype) * width, middle, name=scope)


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows (first axis) of a tensor in random order.   No gradient."""
    return RANDOM_SHUFFLE(value, **seed_attrs(seed), name=name)


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A slice of this size, from a random place.   Gradient: value.

    Raises: InvalidArgumentError when the size is larger than the value's.
    """
    with name_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        sizes = convert_to_tensor(size, int32, name="size")
        places = shape_of(value) - sizes + 1
        anywhere = random_uniform(shape_of(sizes), maxval=int32.max, dtype=int32, seed=seed)
        return slice_(value, anywhere % places, sizes, name=scope)


def multinomial(
    logits: Any, num_samples: Any, seed: int | None = None, name: str | None = None, output_dtype: Any = None
) -> Tensor:
    """Classes drawn with probabilities softmax(logits).

    Shapes: logits [batch, classes] -> [batch, num_samples].   Dtype: int64 or int32.   No gradient.
    """
    with name_scope(name, "multinomial", [logits]):
        return MULTINOMIAL(convert_to_tensor(logits, name="logits"), num_samples, **seed_attrs(seed),
                           output_dtype=_index_dtype(output_dtype))  # fmt: skip


def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: int | None = None, name: str | None = None
) -> Tensor:
    """As `multinomial`."""
    with name_scope(name, "categorical", [logits]):
        return MULTINOMIAL(convert_to_tensor(logits, name="logits"), num_samples, **seed_attrs(seed),
                           output_dtype=_index_dtype(dtype))  # fmt: skip


def _index_dtype(dtype: Any) -> DType:
    wanted = int64 if dtype is None else as_dtype(dtype)
    if wanted not in dtypes.INDEX:
        raise GraphError(f"class indices can be int32 or int64, not {wanted.name}")
    return wanted


def random_gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Gamma-distributed numbers: `shape` many for each element of alpha (the shape) and beta (the inverse scale).

    Shapes: shape [s], alpha and beta broadcast to [...] -> [*shape, ...].   Gradient: beta.
    """
    wanted = as_dtype(dtype)
    with name_scope(name, "random_gamma", [shape, alpha, beta]) as scope:
        sizes = shape_tensor(shape)
        concentration = convert_to_tensor(alpha, wanted, name="alpha")
        rate = convert_to_tensor(1 if beta is None else beta, wanted, name="beta")
        concentration = concentration + zeros_like(rate)  # of the shape that both broadcast to
        drawn = RANDOM_GAMMA(sizes, concentration, **seed_attrs(seed), dtype=wanted)
        smallest = float(np.finfo(wanted.dtype).tiny)
        return maximum(drawn / rate, smallest, name=scope)


def random_poisson(
    lam: Any, shape: Any, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Poisson-distributed numbers: `shape` many for each element of lam.

    Shapes: lam [...], shape [s] -> [*shape, ...].   Dtype: of the result; lam has its own.   No gradient.
    """
    with name_scope(name, "random_poisson", [lam, shape]):
        rate = convert_to_tensor(lam, dtype_hint=as_dtype(dtype), name="rate")
        return RANDOM_POISSON(shape_tensor(shape), rate, **seed_attrs(seed), dtype=as_dtype(dtype))
