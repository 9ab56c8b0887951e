"""`tf.saved_model.signature_def_utils`: what a model can be called for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph_protos import DATA_TYPE
from graphflow.saved_model import signature_constants as names
from graphflow.saved_model.utils import build_tensor_info
from graphflow.saved_model_protos import SignatureDef, TensorInfo

Infos = Mapping[str, TensorInfo] | None


def build_signature_def(inputs: Infos = None, outputs: Infos = None, method_name: str | None = None) -> SignatureDef:
    """A signature of TensorInfos by the names that callers use."""
    return SignatureDef(inputs=dict(inputs or {}), outputs=dict(outputs or {}), method_name=method_name or "")


def predict_signature_def(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> SignatureDef:
    """A signature for any inputs and outputs, tensors by name.   Raises: ValueError when there are none."""
    for what, tensors in (("inputs", inputs), ("outputs", outputs)):
        if not tensors:
            raise GraphError(f"a signature for prediction needs {what}")
    taken = {key: build_tensor_info(t) for key, t in inputs.items()}
    given = {key: build_tensor_info(t) for key, t in outputs.items()}
    return build_signature_def(taken, given, names.PREDICT_METHOD_NAME)


def classification_signature_def(examples: Any, classes: Any, scores: Any) -> SignatureDef:
    """From serialized Examples to names of classes, to their scores, or to both."""
    if classes is None and scores is None:
        raise GraphError("a signature for classification needs classes or scores")
    given = {names.CLASSIFY_OUTPUT_CLASSES: classes, names.CLASSIFY_OUTPUT_SCORES: scores}
    outputs = {key: build_tensor_info(t) for key, t in given.items() if t is not None}
    inputs = {names.CLASSIFY_INPUTS: build_tensor_info(examples)}
    return build_signature_def(inputs, outputs, names.CLASSIFY_METHOD_NAME)


def regression_signature_def(examples: Any, predictions: Any) -> SignatureDef:
    """From serialized Examples to float32 numbers."""
    inputs = {names.REGRESS_INPUTS: build_tensor_info(examples)}
    outputs = {names.REGRESS_OUTPUTS: build_tensor_info(predictions)}
    return build_signature_def(inputs, outputs, names.REGRESS_METHOD_NAME)


def is_valid_signature(signature_def: SignatureDef | None) -> bool:
    """Whether it has inputs and outputs, of the names and dtypes that its method asks for."""
    if signature_def is None or not signature_def.inputs or not signature_def.outputs:
        return False
    inputs, outputs = signature_def.inputs, signature_def.outputs
    string, floats = DATA_TYPE.numbers["DT_STRING"], DATA_TYPE.numbers["DT_FLOAT"]
    match signature_def.method_name:
        case names.PREDICT_METHOD_NAME:
            return True
        case names.CLASSIFY_METHOD_NAME:
            wanted = {names.CLASSIFY_OUTPUT_CLASSES: string, names.CLASSIFY_OUTPUT_SCORES: floats}
        case names.REGRESS_METHOD_NAME:
            wanted = {names.REGRESS_OUTPUTS: floats}
        case _:
            return False
    fits = [key in wanted and info.dtype == wanted[key] for key, info in outputs.items()]
    return set(inputs) == {names.CLASSIFY_INPUTS} and inputs[names.CLASSIFY_INPUTS].dtype == string and all(fits)
