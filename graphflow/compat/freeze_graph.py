"""`tensorflow.python.tools.freeze_graph`: a graph in a file, with the values of a checkpoint in place of variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from graphflow.errors import GraphError, UnsupportedError
from graphflow.graph_protos import GraphDef
from graphflow.graph_util import extract_sub_graph, names_of_variables, with_constants, write_graph
from graphflow.io.text_format import merge_text
from graphflow.train.checkpoint_utils import NewCheckpointReader


def freeze_graph(
    input_graph: str, input_saver: str, input_binary: bool, input_checkpoint: str, output_node_names: str,
    restore_op_name: str | None, filename_tensor_name: str | None, output_graph: str | None, clear_devices: bool,
    initializer_nodes: str, variable_names_whitelist: str = "", variable_names_blacklist: str = "",
    input_meta_graph: Any = None, input_saved_model_dir: Any = None, saved_model_tags: str = "serve",
    checkpoint_version: int = 2,
) -> GraphDef:  # fmt: skip
    """What the outputs need of a GraphDef in a file, with the variables replaced by their values in a checkpoint.

    input_binary        the file has the bytes of a GraphDef, otherwise its text
    output_node_names   of operations, with commas between them
    output_graph        the file for the result, as bytes; none for ''
    clear_devices       without the devices of the nodes
    variable_names_...  with commas between them: only these variables, all but these
    The other arguments are how TensorFlow finds the operations of a Saver, and have no effect.
    Raises: ValueError for a file that is not there; AssertionError for outputs that the graph does not have;
            NotFoundError for a variable that the checkpoint does not have.
    """
    if input_meta_graph or input_saved_model_dir:
        raise UnsupportedError("freeze_graph takes input_graph here: load the other with its own loader and use "
                               "tf.graph_util.convert_variables_to_constants")  # fmt: skip
    if not os.path.isfile(input_graph):
        raise GraphError(f"the input graph {input_graph!r} does not exist")
    if not output_node_names:
        raise GraphError("freeze_graph needs the names of the outputs")
    graph_def, content = GraphDef(), Path(input_graph).read_bytes()
    if input_binary:
        graph_def.ParseFromString(content)
    else:
        merge_text(content.decode(), graph_def)
    graph_def = extract_sub_graph(graph_def, [name.strip() for name in output_node_names.split(",")])
    if clear_devices:
        for node in graph_def.node:
            node.device = ""
    only, without = (_names(text) for text in (variable_names_whitelist, variable_names_blacklist))
    reader = NewCheckpointReader(input_checkpoint)
    values = {name: reader.get_tensor(name) for name in names_of_variables(graph_def, only, without)}
    frozen = with_constants(graph_def, values)
    if output_graph:
        write_graph(frozen, os.path.dirname(output_graph), os.path.basename(output_graph), as_text=False)
    return frozen


def _names(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",")] if text else None
