"""`tf.estimator.export`: what a model gives to those who ask it, by kind, and what it is asked with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.dtypes import string
from graphflow.errors import GraphError
from graphflow.estimator.receivers import (
    ServingInputReceiver,
    TensorServingInputReceiver,
    build_parsing_serving_input_receiver_fn,
    build_raw_serving_input_receiver_fn,
)
from graphflow.operation import Tensor
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.saved_model.signature_def_utils import (
    classification_signature_def,
    is_valid_signature,
    predict_signature_def,
    regression_signature_def,
)
from graphflow.saved_model_protos import SignatureDef

__all__ = [
    "ClassificationOutput", "ExportOutput", "PredictOutput", "RegressionOutput", "ServingInputReceiver",
    "TensorServingInputReceiver", "build_parsing_serving_input_receiver_fn", "build_raw_serving_input_receiver_fn",
]  # fmt: skip


class ExportOutput:
    """The base of the kinds of outputs."""

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> SignatureDef:
        """From what callers feed to this output.   Raises: ValueError where the kind of output takes other tensors."""
        raise NotImplementedError


def _examples(receiver_tensors: Mapping[str, Any]) -> Tensor:
    """The one tensor of serialized Examples."""
    found = list(receiver_tensors.values())
    if len(found) != 1 or found[0].dtype is not string:
        raise GraphError(f"classes and regressions are asked with one tensor of strings, not {dict(receiver_tensors)}")
    return found[0]


class PredictOutput(ExportOutput):
    """Tensors by name; a single tensor is called `output`.   Raises: ValueError for values that are no tensors."""

    def __init__(self, outputs: Any) -> None:
        named = dict(outputs) if isinstance(outputs, Mapping) else {"output": outputs}
        wrong = [key for key, value in named.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
        if wrong:
            raise GraphError(f"outputs are tensors by name, and {wrong[0]!r} is {named[wrong[0]]!r}")
        self.outputs = named

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> SignatureDef:
        return predict_signature_def(receiver_tensors, self.outputs)


class ClassificationOutput(ExportOutput):
    """Floating scores of classes, names of classes, or both.   Raises: ValueError when neither fits."""

    def __init__(self, scores: Any = None, classes: Any = None) -> None:
        if scores is None and classes is None:
            raise GraphError("ClassificationOutput needs scores or classes")
        if scores is not None and not (isinstance(scores, Tensor) and scores.dtype.is_floating):
            raise GraphError(f"scores are a floating tensor, not {scores!r}")
        if classes is not None and not (isinstance(classes, Tensor) and classes.dtype == "string"):
            raise GraphError(f"classes are a tensor of strings, not {classes!r}")
        self.scores, self.classes = scores, classes

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> SignatureDef:
        return classification_signature_def(_examples(receiver_tensors), self.classes, self.scores)


class RegressionOutput(ExportOutput):
    """A floating tensor.   Raises: ValueError for anything else."""

    def __init__(self, value: Any) -> None:
        if not (isinstance(value, Tensor) and value.dtype.is_floating):
            raise GraphError(f"the value of a regression is a floating tensor, not {value!r}")
        self.value = value

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> SignatureDef:
        return regression_signature_def(_examples(receiver_tensors), self.value)


def outputs_of(export_outputs: Any, predictions: Any) -> dict[str, ExportOutput]:
    """The outputs of a model by the names of their signatures, one of which is what is served by default.

    Raises: TypeError for what are no outputs, ValueError when there are several and none of them is the default.
    """
    default = DEFAULT_SERVING_SIGNATURE_DEF_KEY
    if export_outputs is None:
        return {default: PredictOutput(predictions)}
    if not isinstance(export_outputs, Mapping) or not export_outputs:
        raise TypeError(f"export_outputs are a dict of ExportOutputs, not {export_outputs!r}")
    for key, output in export_outputs.items():
        if not isinstance(output, ExportOutput):
            raise TypeError(f"export_outputs are ExportOutputs, and {key!r} is {output!r}")
    found = dict(export_outputs)
    if default not in found:
        if len(found) > 1:
            raise GraphError(f"of several export_outputs one is called {default!r}, and there are {sorted(found)}")
        found[default] = next(iter(found.values()))
    return found


def signatures_of(receiver: ServingInputReceiver, outputs: Mapping[str, ExportOutput]) -> dict[str, SignatureDef]:
    """The signatures of the outputs that one can ask for with these tensors.   Raises: ValueError for none."""
    found: dict[str, SignatureDef] = {}
    problems: list[str] = []
    every = {"": receiver.receiver_tensors, **receiver.receiver_tensors_alternatives}
    for name, tensors in every.items():
        for key, output in outputs.items():
            try:
                signature = output.as_signature_def(tensors)
            except ValueError as error:
                problems.append(f"{key!r}: {error}")
            else:
                if is_valid_signature(signature):
                    found[f"{name}:{key}" if name else key] = signature
    if not found:
        raise GraphError(f"no output can be asked for: {'; '.join(problems)}")
    return found
