"""A trained model as a SavedModel in a folder of its own, which is there whole or not at all."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

from graphflow.estimator.export import outputs_of, signatures_of
from graphflow.estimator.receivers import ServingInputReceiver
from graphflow.graph import get_default_graph
from graphflow.io.atomic import sync_folder
from graphflow.names import GraphKeys
from graphflow.saved_model.builder import SavedModelBuilder
from graphflow.saved_model.tag_constants import SERVING
from graphflow.session import Session
from graphflow.train.monitored import Scaffold
from graphflow.train.saver import Saver

_TEMPORARY = "temp-"


def export_model(
    spec: Any, receiver: ServingInputReceiver, folder: str, checkpoint: str, as_text: bool, config: Any
) -> None:
    """Write the model that an EstimatorSpec has built in the default graph, with the values of a checkpoint."""
    signatures = signatures_of(receiver, outputs_of(spec.export_outputs, spec.predictions))
    scaffold = spec.scaffold or Scaffold()
    ready = scaffold.local_init_op or Scaffold.default_local_init_op()
    saver = scaffold.saver or Saver(allow_empty=True)
    graph = get_default_graph()
    with Session(graph=graph, config=config) as sess:
        saver.restore(sess, checkpoint)
        builder = SavedModelBuilder(folder)
        builder.add_meta_graph_and_variables(
            sess, [SERVING], signatures, graph.get_collection(GraphKeys.ASSET_FILEPATHS), main_op=ready
        )
        builder.save(as_text)


def in_new_folder(base: str, write: Callable[[str], None], extra: Mapping[str, str]) -> bytes:
    """The path of a new folder below `base`, called by the time in seconds, with what `write` puts there.

    extra   {path below assets.extra: file to copy there}
    """
    os.makedirs(base, exist_ok=True)
    taken = set(os.listdir(base))
    number = next(n for n in itertools.count(int(time.time())) if taken.isdisjoint((str(n), f"{_TEMPORARY}{n}")))
    final, temporary = os.path.join(base, str(number)), os.path.join(base, f"{_TEMPORARY}{number}")
    try:
        write(temporary)
        for path, source in extra.items():
            target = os.path.join(temporary, "assets.extra", path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(source, target)
        os.rename(temporary, final)
        sync_folder(base)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return os.fsencode(final)


def exports_in(base: str) -> list[str]:
    """The folders of the exports below `base`, oldest first."""
    names = os.listdir(base) if os.path.isdir(base) else []
    return [os.path.join(base, name) for name in sorted((n for n in names if n.isdigit()), key=int)]
