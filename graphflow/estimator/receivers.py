"""What a served model is asked with: `tf.estimator.export.ServingInputReceiver`, and functions that make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphflow.dtypes import string
from graphflow.errors import GraphError
from graphflow.io.parsing import parse_example
from graphflow.operation import Tensor
from graphflow.ops.define import is_tensor
from graphflow.ops.placeholder import placeholder

_FEATURE, _RECEIVER = "feature", "input"  # what single tensors are called


def _named(tensors: Any, alone: str, what: str) -> dict[str, Any]:
    """Tensors by name.   Raises: ValueError for anything else."""
    if tensors is None:
        raise GraphError(f"{what} are missing")
    named = dict(tensors) if isinstance(tensors, Mapping) else {alone: tensors}
    for key, value in named.items():
        if not isinstance(key, str) or not is_tensor(value):
            raise GraphError(f"{what} are tensors by name, and {key!r} is {value!r}")
    return named


class ServingInputReceiver:
    """The features that the model gets, and the tensors that callers feed.

    features          tensors by name, as the model function takes them; a single one is called `feature`
    receiver_tensors  tensors by the names that callers use; a single one is called `input`
    receiver_tensors_alternatives  {name: further receiver tensors}: others that may be fed instead
    Raises: ValueError for what are no tensors.
    """

    def __init__(self, features: Any, receiver_tensors: Any, receiver_tensors_alternatives: Any = None) -> None:
        self.features: Any = _named(features, _FEATURE, "features")
        self.receiver_tensors = _named(receiver_tensors, _RECEIVER, "receiver_tensors")
        if receiver_tensors_alternatives is not None and not isinstance(receiver_tensors_alternatives, Mapping):
            raise GraphError(f"receiver_tensors_alternatives are a dict, not {receiver_tensors_alternatives!r}")
        self.receiver_tensors_alternatives = {
            name: _named(tensors, _RECEIVER, f"the receiver tensors of {name!r}")
            for name, tensors in (receiver_tensors_alternatives or {}).items()
        }


class TensorServingInputReceiver(ServingInputReceiver):
    """The same for models that take one tensor, and no dict."""

    def __init__(self, features: Any, receiver_tensors: Any, receiver_tensors_alternatives: Any = None) -> None:
        if not is_tensor(features):
            raise GraphError(f"the features of a TensorServingInputReceiver are one tensor, not {features!r}")
        super().__init__(features, receiver_tensors, receiver_tensors_alternatives)
        self.features = features


def build_raw_serving_input_receiver_fn(
    features: Mapping[str, Tensor], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A function that makes a placeholder for each feature, of its dtype and shape with a batch of this size."""
    given = {name: (t.dtype, t.dims, t.op.name) for name, t in _named(features, _FEATURE, "features").items()}

    def receiver() -> ServingInputReceiver:
        made = {
            name: placeholder(dtype, None if dims is None else (default_batch_size, *dims[1:]), name=op)
            for name, (dtype, dims, op) in given.items()
        }
        return ServingInputReceiver(made, made)

    return receiver


def build_parsing_serving_input_receiver_fn(
    feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A function that makes a placeholder for serialized Examples, and parses their features."""

    def receiver() -> ServingInputReceiver:
        serialized = placeholder(string, [default_batch_size], name="input_example_tensor")
        return ServingInputReceiver(parse_example(serialized, feature_spec), {"examples": serialized})

    return receiver
