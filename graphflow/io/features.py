"""The features of serialized Examples: where their values are, and the values as arrays, in native loops.

A Feature is one of three lists.  For each feature that is looked for, a row of four numbers says which list it is
(0: the feature is missing or has none), where the list's bytes begin and end, and how many values they have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphflow import dtypes
from graphflow.backends import called_alone
from graphflow.dtypes import DType
from graphflow.io.records import little_endian
from graphflow.io.wire import BYTES, FIXED32, FIXED64, VARINT, WireError

KINDS = {1: dtypes.string, 2: dtypes.float32, 3: dtypes.int64}
_BAD = -1


# -- kernels: data [..] uint8; numbers are int64; `end` is _BAD after bytes that are no message ------------------------
def number_at(data, at, end):  # type: ignore
    """(a varint, where it ends)."""
    value = np.int64(0)
    shift = np.int64(0)
    while at < end and shift < 70:
        byte = np.int64(data[at])
        at += 1
        if shift < 64:
            value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return value, np.int64(_BAD)


def field_at(data, at, end):  # type: ignore
    """(number, kind, where the value begins, where it and the field end)."""
    tag, at = number_at(data, at, end)
    number = tag >> 3
    kind = tag & 7
    start = at
    if at < 0 or number <= 0:
        return number, kind, start, np.int64(_BAD)
    stop = np.int64(_BAD)
    if kind == VARINT:
        _, stop = number_at(data, at, end)
    elif kind == BYTES:
        size, start = number_at(data, at, end)
        if start >= 0 and 0 <= size <= end - start:
            stop = start + size
    elif kind == FIXED64 and end - at >= 8:
        stop = at + 8
    elif kind == FIXED32 and end - at >= 4:
        stop = at + 4
    return number, kind, start, stop


def packed_count(data, start, stop, which):  # type: ignore
    """How many numbers a packed list has, _BAD for one that is cut off."""
    if which == 2:
        return np.int64(_BAD) if (stop - start) % 4 else (stop - start) // 4
    count = np.int64(0)
    length = np.int64(0)
    for i in range(start, stop):
        length += 1
        if data[i] < 0x80:
            count += 1
            length = np.int64(0)
        elif length > 9:
            return np.int64(_BAD)
    return np.int64(_BAD) if length else count


def describe_feature(data, start, stop, found, place):  # type: ignore
    """found[place:place + 4]: what the Feature in data[start:stop] is; gives `stop`, or _BAD."""
    found[place] = 0
    found[place + 3] = 0
    at = start
    while at < stop:
        number, kind, first, last = field_at(data, at, stop)
        if last < 0:
            return last
        if 1 <= number <= 3 and kind == BYTES:
            count = np.int64(0)
            inner = first
            while inner < last:
                which, how, begin, end = field_at(data, inner, last)
                if end < 0:
                    return end
                if which == 1 and how == BYTES and number > 1:
                    more = packed_count(data, begin, end, number)
                    if more < 0:
                        return more
                    count += more
                elif which == 1 and how == (BYTES if number == 1 else FIXED32 if number == 2 else VARINT):
                    count += 1
                inner = end
            found[place] = number
            found[place + 1] = first
            found[place + 2] = last
            found[place + 3] = count
        at = last
    return stop


def find_features(data, starts, stops, names, ends, found, state, n, k, message, tid, nthreads):  # type: ignore
    """found[k, n, 4]: the features called names[ends[j - 1]:ends[j]] of n messages, in the map in field `message`.

    state[0] is the first message that is none, and n when all are; of two equal names the last counts.
    """
    state[0] = n
    for i in range(n):
        at = starts[i]
        while at < stops[i]:
            number, kind, start, stop = field_at(data, at, stops[i])
            at = stop
            if number == message and kind == BYTES:
                at = find_in_map(data, start, stop, names, ends, found, i, n, k)
            if at < 0:
                state[0] = i
                return


def find_in_map(data, at, end, names, ends, found, i, n, k):  # type: ignore
    """found[:, i]: the features of one map; gives `end`, or _BAD."""
    while at < end:
        number, kind, start, stop = field_at(data, at, end)
        if stop < 0:
            return stop
        if number == 1 and kind == BYTES:
            key = np.int64(0)
            key_end = np.int64(0)
            value = np.int64(0)
            value_end = np.int64(0)
            inner = start
            while inner < stop:
                which, how, begin, last = field_at(data, inner, stop)
                if last < 0:
                    return last
                if which == 1 and how == BYTES:
                    key = begin
                    key_end = last
                elif which == 2 and how == BYTES:
                    value = begin
                    value_end = last
                inner = last
            for j in range(k):
                first = ends[j - 1] if j else np.int64(0)
                if ends[j] - first == key_end - key:
                    same = True
                    for b in range(key_end - key):
                        if names[first + b] != data[key + b]:
                            same = False
                            break
                    if same and describe_feature(data, value, value_end, found, (j * n + i) * 4) < 0:
                        return np.int64(_BAD)
        at = stop
    return end


def describe_steps(data, starts, stops, found, state, n, tid, nthreads):  # type: ignore
    """found[n, 4]: what the Features in data[starts[i]:stops[i]] are; state as in find_features."""
    state[0] = n
    for i in range(n):
        if describe_feature(data, starts[i], stops[i], found, i * 4) < 0:
            state[0] = i
            return


def read_values(data, found, out, n, which, tid, nthreads):  # type: ignore
    """The values of n features of one kind, one after the other; int64 [.], or [., 2] where byte strings lie."""
    to = np.int64(0)
    for i in range(n):
        at = found[i * 4 + 1]
        end = found[i * 4 + 2] if found[i * 4 + 3] else at
        while at < end:
            number, kind, start, stop = field_at(data, at, end)
            if number == 1 and which == 1:
                if kind == BYTES:
                    out[to] = start
                    out[to + 1] = stop
                    to += 2
            elif number == 1 and kind in (BYTES, FIXED32 if which == 2 else VARINT):
                while start < stop:
                    if which == 2:
                        out[to] = little_endian(data, start, 4)
                        start += 4
                    else:
                        out[to], start = number_at(data, start, stop)
                    to += 1
            at = stop


# -- as functions ------------------------------------------------------------------------------------------------------
_PLACES = ("uint8", "int64", "int64")


class Features:
    """Features of several messages.

    rows   int64 [k, n, 4]: for each name and message what has been found, as the module says
    """

    def __init__(self, data: bytes, rows: np.ndarray) -> None:
        self._data = data
        self._array = np.frombuffer(data, np.uint8)
        self.rows = rows

    @staticmethod
    def find(texts: Sequence[bytes], names: Sequence[bytes], message: int) -> Features:
        """Those called `names` in the map in this field of each message.

        Raises: WireError, with the number of the message as its argument, for bytes that are no message.
        """
        data = b"".join(texts)
        n, k = len(texts), len(names)
        stops = np.cumsum([len(text) for text in texts], dtype=np.int64)
        starts = stops - [len(text) for text in texts] if n else stops
        letters = np.frombuffer(b"".join(names) + b"\0", np.uint8)
        ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        rows = np.zeros((k, n, 4), np.int64)
        found = Features(data, rows)
        state = np.empty(1, np.int64)
        find = called_alone(find_features, (*_PLACES, "uint8", "int64", "int64", "int64"), 3)
        find((found._array, starts, stops, letters, ends, rows, state), n, k, message)
        if state[0] < n:
            raise WireError(int(state[0]))
        return found

    def steps(self, places: Sequence[tuple[int, int]]) -> Features:
        """The Features at these places of the data, as the rows of one name.   Raises: WireError."""
        starts, stops = np.array(places, np.int64).reshape(-1, 2).T.copy()
        rows, state = np.zeros((1, len(places), 4), np.int64), np.empty(1, np.int64)
        describe = called_alone(describe_steps, (*_PLACES, "int64", "int64"), 1)
        describe((self._array, starts, stops, rows, state), len(places))
        if state[0] < len(places):
            raise WireError(int(state[0]))
        return Features(self._data, rows)

    def values(self, column: int, dtype: DType) -> np.ndarray:
        """The values of all messages for one name, one after the other; none is of another dtype."""
        rows = self.rows[column]
        total = int(rows[:, 3].sum())
        which = next(kind for kind, of in KINDS.items() if of is dtype)
        out = np.empty(2 * total if which == 1 else total, np.int64)
        read = called_alone(read_values, _PLACES, 2)
        read((self._array, rows, out), len(rows), which)
        if dtype is dtypes.string:
            places, data = out.tolist(), self._data
            texts = np.empty(total, object)
            texts[:] = [data[start:stop] for start, stop in zip(places[::2], places[1::2], strict=True)]
            return texts
        return out.astype(np.uint32).view(np.float32) if dtype is dtypes.float32 else out
