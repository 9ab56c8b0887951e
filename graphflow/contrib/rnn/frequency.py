"""LSTMs over both time and frequency: in each step, a second one runs over overlapping bands of the inputs.

Source: Li et al., LSTM time and frequency recurrence for automatic speech recognition (2015).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from graphflow import initializers
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.bias import bias_add
from graphflow.ops.clip import clip_by_value
from graphflow.ops.join import concat, split
from graphflow.ops.linalg import matmul
from graphflow.ops.math import sigmoid
from graphflow.ops.pad import pad
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.cell import RNNCell
from graphflow.recurrent.cells import last_size


def _clipped(c: Tensor, limit: float | None) -> Tensor:
    return c if limit is None else clip_by_value(c, -limit, limit)


class _BandsCell(RNNCell):
    """What cells over bands share: the sizes of bands, and variables by name."""

    _num_units: int
    _initializer: Any

    def _weights(self, name: str, inputs: int, gates: int) -> Any:
        shape = [inputs + 2 * self._num_units, gates * self._num_units]
        return self.add_weight(name, shape, initializer=self._initializer)

    def _vector(self, name: str) -> Any:
        return self.add_weight(name, [self._num_units], initializer=self._initializer)

    def _zeros(self, name: str, gates: int) -> Any:
        return self.add_weight(name, [gates * self._num_units], initializer=initializers.zeros_initializer())


class TimeFreqLSTMCell(_BandsCell):
    """An LSTM in time whose second input is the output of the band before, in the same step.

    feature_size, frequency_skip   the size of a band, and from where one starts to where the next does
    The state is one vector [batch, 2 * num_units * bands]: c and m of each band.
    """

    def __init__(
        self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None, initializer: Any = None,
        num_unit_shards: int = 1, forget_bias: float = 1.0, feature_size: int | None = None, frequency_skip: int = 1,
        reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(reuse=reuse)
        if feature_size is None:
            raise GraphError("feature_size must be given")
        self._num_units, self._use_peepholes, self._cell_clip = num_units, use_peepholes, cell_clip
        self._initializer, self._forget_bias = None, forget_bias  # TensorFlow does not use the initializer either
        self._feature_size, self._frequency_skip = feature_size, frequency_skip

    @property
    def state_size(self) -> int:
        return 2 * self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, input_shape: Any) -> None:
        self._bands = (last_size(input_shape, self) - self._feature_size) // self._frequency_skip + 1
        self._kernel, self._bias = self._weights("W_0", self._feature_size, 4), self._zeros("B", 4)
        self._peepholes: Any = None
        if self._use_peepholes:
            self._peepholes = [self._vector(f"W_{gate}_diag") for gate in "FIO"]
        self.built = True

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        n = self._num_units
        before = zeros_like(state[:, :n])
        outputs, states = [], []
        for band in range(self._bands):
            start = band * self._frequency_skip
            c, m = (state[:, k * n : (k + 1) * n] for k in (2 * band, 2 * band + 1))
            seen = concat([inputs[:, start : start + self._feature_size], m, before], 1)
            i, j, f, o = split(bias_add(matmul(seen, self._kernel), self._bias), 4, axis=1)
            f = f + self._forget_bias
            if self._peepholes is not None:
                f, i = f + self._peepholes[0] * c, i + self._peepholes[1] * c
            c = _clipped(sigmoid(f) * c + sigmoid(i) * tanh(j), self._cell_clip)
            o = o if self._peepholes is None else o + self._peepholes[2] * c
            before = sigmoid(o) * tanh(c)
            outputs.append(before)
            states += [c, before]
        return concat(outputs, 1), concat(states, 1)


class GridLSTMCell(_BandsCell):
    """An LSTM in time and one in frequency, which see both their states.

    feature_size, frequency_skip   the size of a band, and from where one starts to where the next does
    num_frequency_blocks           how many bands each block has
    start_freqindex_list, end_freqindex_list   where each block starts and ends; one block of all inputs without them
    Source: Kalchbrenner et al., Grid Long Short-Term Memory (2015).
    """

    _prefixes: tuple[str, ...] = ("state",)

    def __init__(
        self, num_units: int, use_peepholes: bool = False, share_time_frequency_weights: bool = False,
        cell_clip: float | None = None, initializer: Any = None, num_unit_shards: int = 1, forget_bias: float = 1.0,
        feature_size: int | None = None, frequency_skip: int | None = None,
        num_frequency_blocks: Sequence[int] | None = None, start_freqindex_list: Sequence[int] | None = None,
        end_freqindex_list: Sequence[int] | None = None, couple_input_forget_gates: bool = False,
        state_is_tuple: bool = True, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(reuse=reuse)
        if num_frequency_blocks is None or feature_size is None or frequency_skip is None:
            raise GraphError("num_frequency_blocks, feature_size and frequency_skip must be given")
        self._num_units, self._use_peepholes, self._share = num_units, use_peepholes, share_time_frequency_weights
        self._cell_clip, self._initializer, self._forget_bias = cell_clip, None, forget_bias
        self._feature_size, self._frequency_skip = feature_size, frequency_skip
        self._blocks, self._couple = list(num_frequency_blocks), couple_input_forget_gates
        self._starts, self._ends = list(start_freqindex_list or ()), list(end_freqindex_list or ())
        for what in (self._starts, self._ends) if self._starts else ():
            if len(what) != len(self._blocks):
                raise GraphError(
                    f"there are {len(self._blocks)} blocks, and {len(what)} places where they start or end"
                )
        names = [
            f"{prefix}_f{band:02d}_b{block:02d}_{part}"
            for prefix in self._prefixes
            for block, bands in enumerate(self._blocks)
            for band in range(bands)
            for part in "cm"
        ]
        made: Any = namedtuple(f"{type(self).__name__.removesuffix('Cell')}StateTuple", names)  # type: ignore[misc]
        self._tuple = made
        self._state_is_tuple = state_is_tuple

    @property
    def state_size(self) -> Any:
        parts = len(self._tuple._fields)
        return self._tuple(*[self._num_units] * parts) if self._state_is_tuple else self._num_units * parts

    @property
    def output_size(self) -> int:
        return self._num_units * len(self._tuple._fields)

    @property
    def state_tuple_type(self) -> Any:
        """The namedtuple of the states; None when they are one vector."""
        return self._tuple if self._state_is_tuple else None

    def build(self, input_shape: Any) -> None:
        size = last_size(input_shape, self)
        starts, ends = self._starts or [0], self._ends or [size]
        begins = []
        for start, end, wanted in zip(starts, ends, self._blocks, strict=True):
            bands = (end - start - self._feature_size) // self._frequency_skip + 1
            if bands != wanted:
                raise ShapeError(f"num_frequency_blocks says {wanted} bands, and there are {bands}")
            begins.append([start + band * self._frequency_skip for band in range(bands)])
        self._passes = self._made(begins)
        self.built = True

    def _made(self, begins: list[list[int]]) -> list[list[tuple[list[int], dict[str, Any]]]]:
        """Of each pass over the inputs: where the bands of each block begin, and its variables."""
        return [[(b, self._of_block(block)) for block, b in enumerate(begins)]]

    def _of_block(self, block: int, scope: str = "") -> dict[str, Any]:
        """W_f, B_f, W_t, B_t and the peepholes by their names in TensorFlow, in its order."""
        gates, made = 3 if self._couple else 4, {}
        for way in "f" if self._share else "ft":
            made[f"W_{way}"] = self._weights(f"{scope}W_{way}_{block}_0", self._feature_size, gates)
            made[f"B_{way}"] = self._zeros(f"{scope}B_{way}_{block}", gates)
        if self._use_peepholes:
            for way in ("freq",) if self._share else ("freq", "time"):
                for gate in "IO" if self._couple else "FIO":
                    for of in "ft":
                        made[f"{gate}_{way}{of}"] = self._vector(f"{scope}W_{gate}_diag_{way}{of}_{block}")
        return made

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        outputs, states = self._run(inputs, self._parts(state), self._passes[0])
        return concat(outputs, 1), self._tuple(*states) if self._state_is_tuple else concat(states, 1)

    def _parts(self, state: Any) -> list[Tensor]:
        return list(state) if self._state_is_tuple else split(state, len(self._tuple._fields), axis=1)

    def _run(self, inputs: Tensor, state: list[Tensor], blocks: Any) -> tuple[list[Tensor], list[Tensor]]:
        """The outputs m_time and m_freq, and the states c_time and m_time, of all bands."""
        outputs: list[Tensor] = []
        states: list[Tensor] = []
        for begins, v in blocks:
            c_freq = m_freq = zeros_like(state[0])
            for begin in begins:
                c_time, m_time = state[len(states) : len(states) + 2]
                x = concat([inputs[:, begin : begin + self._feature_size], m_time, m_freq], 1)
                new_freq, o_freq = self._cell(x, v, "f", "freq", c_freq, c_freq, c_time)
                new_time, o_time = self._cell(x, v, "t", "time", c_time, c_freq, c_time)
                c_freq, c_time = new_freq, new_time
                m_freq = self._output(o_freq, v, "freq", c_freq, c_freq, c_time)
                m_time = self._output(o_time, v, "time", c_time, c_freq, c_time)
                outputs += [m_time, m_freq]
                states += [c_time, m_time]
        return outputs, states

    def _peeped(self, gate: Tensor, v: dict[str, Any], name: str, way: str, c_freq: Tensor, c_time: Tensor) -> Tensor:
        if not self._use_peepholes:
            return gate
        way = "freq" if self._share else way
        return gate + v[f"{name}_{way}f"] * c_freq + v[f"{name}_{way}t"] * c_time

    def _cell(
        self, x: Tensor, v: dict[str, Any], letter: str, way: str, own: Tensor, c_freq: Tensor, c_time: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The new c in one direction, and its output gate."""
        letter = "f" if self._share else letter
        gates = bias_add(matmul(x, v[f"W_{letter}"]), v[f"B_{letter}"])
        if self._couple:
            i, j, o = split(gates, 3, axis=1)
            i = sigmoid(self._peeped(i, v, "I", way, c_freq, c_time))
            f = 1.0 - i
        else:
            i, j, f, o = split(gates, 4, axis=1)
            i = sigmoid(self._peeped(i, v, "I", way, c_freq, c_time))
            f = sigmoid(self._peeped(f + self._forget_bias, v, "F", way, c_freq, c_time))
        return _clipped(f * own + i * tanh(j), self._cell_clip), o

    def _output(self, o: Tensor, v: dict[str, Any], way: str, own: Tensor, c_freq: Tensor, c_time: Tensor) -> Tensor:
        return sigmoid(self._peeped(o, v, "O", way, c_freq, c_time)) * tanh(own)


class BidirectionalGridLSTMCell(GridLSTMCell):
    """A GridLSTMCell that runs over the bands twice, the second time from the other end of the frequencies.

    backward_slice_offset   how far the bands of the second run are shifted
    """

    _prefixes = ("fwd_state", "bwd_state")

    def __init__(
        self, num_units: int, use_peepholes: bool = False, share_time_frequency_weights: bool = False,
        cell_clip: float | None = None, initializer: Any = None, num_unit_shards: int = 1, forget_bias: float = 1.0,
        feature_size: int | None = None, frequency_skip: int | None = None,
        num_frequency_blocks: Sequence[int] | None = None, start_freqindex_list: Sequence[int] | None = None,
        end_freqindex_list: Sequence[int] | None = None, couple_input_forget_gates: bool = False,
        backward_slice_offset: int = 0, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            num_units, use_peepholes, share_time_frequency_weights, cell_clip, initializer, num_unit_shards,
            forget_bias, feature_size, frequency_skip, num_frequency_blocks, start_freqindex_list, end_freqindex_list,
            couple_input_forget_gates, True, reuse,
        )  # fmt: skip
        self._offset = int(backward_slice_offset)

    def _made(self, begins: list[list[int]]) -> list[list[tuple[list[int], dict[str, Any]]]]:
        ahead = max(0, self._offset)
        back = [[begin + ahead for begin in reversed(b)] for b in begins]
        return [
            [(b, self._of_block(block, scope)) for block, b in enumerate(each)]
            for scope, each in (("fwd/", begins), ("bwd/", back))
        ]

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        half, by = len(state) // 2, self._offset
        shifted = pad(inputs, [[0, 0], [max(0, -by), max(0, by)]]) if by else inputs
        outputs, states = self._run(inputs, list(state[:half]), self._passes[0])
        turned, turned_states = self._run(shifted, list(state[half:]), self._passes[1])
        return concat(outputs + turned, 1), self._tuple(*states, *turned_states)
