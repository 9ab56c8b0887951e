"""`tf.estimator.export`: what a model gives to those who ask it, by kind; for EstimatorSpec's export_outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.errors import GraphError
from graphflow.operation import Tensor


class ExportOutput:
    """The base of the kinds of outputs."""


class PredictOutput(ExportOutput):
    """Tensors by name; a single tensor is called `output`.   Raises: ValueError for values that are no tensors."""

    def __init__(self, outputs: Any) -> None:
        named = dict(outputs) if isinstance(outputs, Mapping) else {"output": outputs}
        wrong = [key for key, value in named.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
        if wrong:
            raise GraphError(f"outputs are tensors by name, and {wrong[0]!r} is {named[wrong[0]]!r}")
        self.outputs = named


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


class RegressionOutput(ExportOutput):
    """A floating tensor.   Raises: ValueError for anything else."""

    def __init__(self, value: Any) -> None:
        if not (isinstance(value, Tensor) and value.dtype.is_floating):
            raise GraphError(f"the value of a regression is a floating tensor, not {value!r}")
        self.value = value
