"""Iterators in checkpoints: a run that goes on from one sees the elements and random numbers that would have come.

saveable = tf.data.experimental.make_saveable_from_iterator(iterator)
tf.add_to_collection(tf.GraphKeys.SAVEABLE_OBJECTS, saveable)
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from graphflow.data.iterator import Iterator, State
from graphflow.errors import DataLossError
from graphflow.store import Store


class IteratorSaveable:
    """An iterator as a Saver takes it; with it go the random operations of the session.

    name   what it is called in checkpoints
    """

    def __init__(self, iterator: Iterator) -> None:
        self.op = iterator._ref.op
        self.name = f"{self.op.name}-state"

    def _state(self, store: Store) -> State:
        return store.held(self.op)

    def value(self, store: Store) -> np.ndarray:
        """Where the iterator is, and how often the session has drawn: a string."""
        state = {"iterator": self._state(store).saved(), "draws": store.draw_counts()}
        return np.array(json.dumps(state).encode(), object)

    def restore(self, store: Store, value: np.ndarray) -> None:
        """Go on from there: at once, or when the iterator is initialized.   Raises: DataLossError for other values."""
        try:
            found = json.loads(value.item())
            draws = {int(number): [int(n) for n in state] for number, state in found["draws"].items()}
            saved: dict[str, Any] = {
                "entropy": int(found["iterator"]["entropy"]), "count": int(found["iterator"]["count"]),
                "draws": {str(int(number)): [int(n) for n in state]
                          for number, state in found["iterator"]["draws"].items()},
            }  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataLossError.because(f"{self.name!r} is not the state of an iterator: {error!r}") from None
        store.set_draw_counts(draws)
        self._state(store).resume(saved)


def make_saveable_from_iterator(iterator: Any) -> IteratorSaveable:
    """What a Saver saves and restores an iterator by, in the collection SAVEABLE_OBJECTS or its var_list.

    Restoring makes the elements before anew where later ones depend on them: a dataset must give the same ones again.
    """
    if not isinstance(iterator, Iterator):
        raise TypeError(f"an iterator is needed, not {iterator!r}")
    return IteratorSaveable(iterator)
