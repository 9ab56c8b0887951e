"""`tf.contrib.predictor`: a SavedModel as a function of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph import Graph
from graphflow.saved_model.loader import load
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.saved_model.tag_constants import SERVING
from graphflow.session import Session


class Predictor:
    """Called with a dict of arrays by the names of inputs, it gives one by the names of outputs.

    graph, session              the loaded model
    feed_tensors, fetch_tensors   its inputs and outputs, by name
    """

    def __init__(self, graph: Graph, session: Session, feeds: dict[str, Any], fetches: dict[str, Any]) -> None:
        self.graph, self.session, self.feed_tensors, self.fetch_tensors = graph, session, feeds, fetches

    def __call__(self, input_dict: Mapping[str, Any]) -> dict[str, Any]:
        """Raises: ValueError for inputs that the model does not have."""
        unknown = sorted(set(input_dict) - set(self.feed_tensors))
        if unknown:
            raise GraphError(f"the model has inputs {sorted(self.feed_tensors)}, and none called {', '.join(unknown)}")
        feeds = {self.feed_tensors[name]: value for name, value in input_dict.items()}
        return self.session.run(self.fetch_tensors, feed_dict=feeds)

    def __repr__(self) -> str:
        return f"<Predictor of {sorted(self.feed_tensors)} -> {sorted(self.fetch_tensors)}>"


def from_saved_model(
    export_dir: Any, signature_def_key: str | None = None, signature_def: Any = None,
    input_names: Mapping[str, str] | None = None, output_names: Mapping[str, str] | None = None,
    tags: str | None = None, graph: Graph | None = None, config: Any = None,
) -> Predictor:  # fmt: skip
    """The model in this folder as a Predictor.

    signature_def_key            which signature; the default one
    signature_def                a signature itself
    input_names, output_names    {name: name of a tensor} in place of a signature
    tags                         with commas between; "serve" by default
    Raises: ValueError when several of these are given, or there is no such signature.
    """
    by_names = input_names is not None or output_names is not None
    if sum([signature_def_key is not None, signature_def is not None, by_names]) > 1:
        raise GraphError("give one of signature_def_key, signature_def, or input_names with output_names")
    if by_names and (input_names is None or output_names is None):
        raise GraphError("input_names and output_names must be given together")
    graph = graph or Graph()
    with graph.as_default():
        session = Session(config=config)
        model = load(session, (tags or SERVING).split(","), export_dir)
    if by_names:
        names = dict(input_names or {}), dict(output_names or {})
    else:
        names = _of_signature(model, signature_def_key, signature_def, export_dir)
    feeds, fetches = ({k: graph.get_tensor_by_name(n) for k, n in part.items()} for part in names)
    return Predictor(graph, session, feeds, fetches)


def _of_signature(model: Any, key: str | None, given: Any, folder: Any) -> tuple[dict[str, str], dict[str, str]]:
    """The names of the tensors of its inputs and outputs."""
    found = given
    if found is None:
        key = key or DEFAULT_SERVING_SIGNATURE_DEF_KEY
        if key not in model.signature_def:
            raise GraphError(f"the model in {folder} has signatures {sorted(model.signature_def)}, and not {key!r}")
        found = model.signature_def[key]
    return {k: v.name for k, v in found.inputs.items()}, {k: v.name for k, v in found.outputs.items()}
