"""What tells Keras layers from those of tf.layers: variables that no scope shares, and no collections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphflow.graph import get_default_graph
from graphflow.initializers import glorot_uniform_initializer, zeros_initializer
from graphflow.layers import base
from graphflow.layers.base import count_layer
from graphflow.shape import as_dims
from graphflow.variables import Variable

MODEL_ARGUMENTS = ("input_shape", "batch_input_shape", "input_dim", "input_length", "batch_size", "weights")


class Layer(base.Layer):
    """The base of the layers here.  Losses and updates are attributes of the layer only.

    Arguments that tell a model the shape of its inputs are accepted and have no effect.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for argument in MODEL_ARGUMENTS:
            kwargs.pop(argument, None)
        super().__init__(*args, **kwargs)

    def _numbered(self, name: str) -> str:
        earlier = count_layer(name) - 1
        return f"{name}_{earlier}" if earlier else name

    @contextmanager
    def _entered(self, scope: Any) -> Iterator[None]:
        with get_default_graph().name_scope(self._name):
            yield

    def _variable(
        self, name: str, shape: Any, dtype: Any, initializer: Any, regularizer: Callable | None, trainable: bool,
        constraint: Callable | None,
    ) -> Variable:  # fmt: skip
        if initializer is None:
            initializer = glorot_uniform_initializer() if dtype.is_floating else zeros_initializer()
        sizes = list(as_dims(() if shape is None else shape) or ())
        variable = Variable(lambda: initializer(sizes, dtype=dtype), trainable, name=name, constraint=constraint)
        if regularizer is not None:
            with get_default_graph().name_scope(f"{variable.op.name}/Regularizer/"):
                self.add_loss(regularizer(variable))
        return variable

    def _collect(self, key: str, value: Any) -> None:
        """Nothing: a layer's losses and updates are in no collection."""

    @property
    def scope_name(self) -> str:
        return self._name
