"""What is measured, in words that every framework can build from: data, initial weights, layers, an optimizer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.benchmarks.recurrent import RECURRENT

RATE = 0.003


@dataclass(frozen=True)
class Conv:
    """SAME convolution, bias or batch normalization, relu."""

    size: int
    filters: int
    stride: int = 1
    normalized: bool = False


@dataclass(frozen=True)
class Pool:
    """2 x 2 max pooling."""


@dataclass(frozen=True)
class Dense:
    """A layer of so many units; the last one of a network has no relu."""

    units: int


@dataclass(frozen=True)
class Network:
    """A classifier of ten classes.   optimizer: sgd, adam or "" for inference."""

    layers: tuple[Any, ...]
    batch: int
    optimizer: str
    image: tuple[int, ...]

    def weights(self) -> list[dict[str, np.ndarray]]:
        """Initial weights of each layer, the same for all frameworks: HWIO filters, [in, out] matrices."""
        rng = np.random.default_rng(7)
        shape, made = self.image, []
        for layer in self.layers:
            if isinstance(layer, Conv):
                kernel = (layer.size, layer.size, shape[2], layer.filters)
                shape = (-(-shape[0] // layer.stride), -(-shape[1] // layer.stride), layer.filters)
            elif isinstance(layer, Pool):
                shape = (-(-shape[0] // 2), -(-shape[1] // 2), shape[2])
                made.append({})
                continue
            else:
                kernel = (int(np.prod(shape)), layer.units)
                shape = (layer.units,)
            scale = np.sqrt(2 / np.prod(kernel[:-1]))
            made.append({
                "w": (rng.standard_normal(kernel) * scale).astype(np.float32),
                "b": np.full(kernel[-1], 0.01, np.float32),
                "g": np.ones(kernel[-1], np.float32),
            })  # fmt: skip
        return made

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(3)
        images = rng.random((self.batch, *self.image), np.float32)
        return images, np.eye(10, dtype=np.float32)[rng.integers(0, 10, self.batch)]

    def flop(self) -> int:
        """Multiplications and additions of the matrix products and convolutions of one step."""
        shape, total, first = self.image, 0, True
        for layer in self.layers:
            if isinstance(layer, Conv):
                out = (-(-shape[0] // layer.stride), -(-shape[1] // layer.stride), layer.filters)
                forward = 2 * int(np.prod(out)) * layer.size**2 * shape[2]
            elif isinstance(layer, Pool):
                shape = (-(-shape[0] // 2), -(-shape[1] // 2), shape[2])
                continue
            else:
                out = (layer.units,)
                forward = 2 * int(np.prod(shape)) * layer.units
            total += forward * (1 if not self.optimizer else 2 if first else 3)
            shape, first = out, False
        return total * self.batch


@dataclass(frozen=True)
class Layer:
    """relu(x W + b), 100 x 784 x 100."""

    def arrays(self) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(1)
        return tuple(rng.standard_normal(s).astype(np.float32) for s in ((100, 784), (784, 100), (100,)))

    def flop(self) -> int:
        return 2 * 100 * 784 * 100


@dataclass(frozen=True)
class Product:
    """A product of two square matrices.   fetched: whether it is brought to the host."""

    size: int
    fetched: bool = True

    def arrays(self) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(1)
        return tuple(rng.standard_normal((self.size, self.size)).astype(np.float32) for _ in range(2))

    def flop(self) -> int:
        return 2 * self.size**3


@dataclass(frozen=True)
class Chain:
    """tanh(z) * sigmoid(z) + 2 exp(-z^2) - z, summed over so many numbers."""

    count: int = 4_000_000

    def arrays(self) -> tuple[np.ndarray, ...]:
        return (np.random.default_rng(1).standard_normal(self.count, np.float32),)

    def flop(self) -> int:
        return 0


_MLP = tuple(Dense(n) for n in (200, 100, 60, 30, 10))


def _convnet(a: int, b: int, c: int, normalized: bool = False) -> tuple[Any, ...]:
    first, second, third = Conv(5, a, 1, normalized), Conv(5, b, 2, normalized), Conv(4, c, 2, normalized)
    return first, second, third, Dense(200), Dense(10)


WORKLOADS: dict[str, Any] = {
    "layer": Layer(),
    "mlp sgd": Network(_MLP, 100, "sgd", (784,)),
    "mlp adam": Network(_MLP, 100, "adam", (784,)),
    "convnet 4-8-12": Network(_convnet(4, 8, 12), 100, "adam", (28, 28, 1)),
    "convnet 6-12-24": Network(_convnet(6, 12, 24), 100, "adam", (28, 28, 1)),
    "convnet inference": Network(_convnet(4, 8, 12), 10_000, "", (28, 28, 1)),
    "convnet 32-64-1024": Network((Conv(5, 32), Pool(), Conv(5, 64), Pool(), Dense(1024), Dense(10)), 50, "adam",
                                  (28, 28, 1)),
    "batch norm 24-48-64": Network(_convnet(24, 48, 64, True), 100, "adam", (28, 28, 1)),
    "matmul 512": Product(512),
    "matmul 2048": Product(2048),
    "chain": Chain(),
    **RECURRENT,
}  # fmt: skip
_LARGE = ("mlp sgd", "convnet 4-8-12", "convnet 6-12-24", "convnet 32-64-1024", "batch norm 24-48-64")
GPU = (
    {name: WORKLOADS[name] for name in ("layer", *_LARGE, "lstm rows", "lstm characters")}
    | {"matmul 4096": Product(4096, fetched=False), "chain 64 million": Chain(64_000_000)}
    | {f"{name} x 1000": replace(WORKLOADS[name], batch=1000) for name in _LARGE}
)
