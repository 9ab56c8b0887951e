"""Variables that start from an earlier checkpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.train.checkpoint_utils import init_from_checkpoint


@dataclass(frozen=True)
class WarmStartSettings:
    """Which variables start from a checkpoint.

    ckpt_to_initialize_from   the checkpoint or its folder
    vars_to_warm_start        a pattern for the names of trainable variables, or a list of patterns for those of all
    var_name_to_prev_var_name the names of variables that are called otherwise in the checkpoint
    """

    ckpt_to_initialize_from: str
    vars_to_warm_start: Any = ".*"
    var_name_to_vocab_info: Mapping[str, Any] | None = None
    var_name_to_prev_var_name: Mapping[str, str] = field(default_factory=dict)

    def apply(self) -> None:
        """Change the initializers in the default graph.

        Raises: ValueError for a variable that the checkpoint does not have, or has in another shape.
        """
        wanted, graph = self.vars_to_warm_start, get_default_graph()
        if wanted is None:
            return
        if isinstance(wanted, str):
            variables = graph.get_collection(GraphKeys.TRAINABLE_VARIABLES, wanted)
        elif isinstance(wanted, Sequence):
            every = graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
            variables = [v for v in every if any(re.match(str(pattern), v.op.name) for pattern in wanted)]
        else:
            raise GraphError(f"vars_to_warm_start is a pattern or a list of them, not {wanted!r}")
        others = self.var_name_to_prev_var_name or {}
        named = {others.get(v.op.name, v.op.name): v for v in variables}
        init_from_checkpoint(self.ckpt_to_initialize_from, named)


def as_settings(value: Any) -> WarmStartSettings | None:
    """Settings for a checkpoint, its folder, or settings.   Raises: NotImplementedError for changed vocabularies."""
    if value is None:
        return None
    found = value if isinstance(value, WarmStartSettings) else WarmStartSettings(os.fspath(value))
    if found.var_name_to_vocab_info:
        raise NotImplementedError("var_name_to_vocab_info is not supported: vocabularies must stay as they were")
    return found
