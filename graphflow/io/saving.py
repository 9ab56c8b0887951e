"""The operations by which the graphs of TensorFlow 1 save variables and restore them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from graphflow.dtypes import DType, string
from graphflow.errors import InvalidArgumentError, UnimplementedError
from graphflow.io.atomic import make_folder
from graphflow.io.checkpoint import delete_checkpoint, open_checkpoint, write_checkpoint
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.shape import Dims


def _names(names: np.ndarray, slices: np.ndarray, dtypes: tuple[DType, ...]) -> list[str]:
    if not names.size == slices.size == len(dtypes):
        raise InvalidArgumentError.because(f"{names.size} names do not go with {slices.size} slices and {len(dtypes)} "
                                           "dtypes")  # fmt: skip
    found = [name.decode() for name in names.reshape(-1).tolist()]
    parts = [name for name, part in zip(found, slices.reshape(-1).tolist(), strict=True) if part]
    if parts:
        raise UnimplementedError.because(f"parts of variables are neither saved nor restored: {', '.join(parts)}")
    return found


def _saved(
    prefix: np.ndarray, tensor_names: np.ndarray, shape_and_slices: np.ndarray, *tensors: np.ndarray,
    dtypes: tuple[DType, ...],
) -> tuple:  # fmt: skip
    names = _names(tensor_names, shape_and_slices, dtypes)
    make_folder(os.path.dirname(_path(prefix)) or ".")
    write_checkpoint(_path(prefix), dict(zip(names, tensors, strict=True)), bundle=True)
    return ()


SAVE = define("SaveV2", "prefix:string tensor_names:string shape_and_slices:string *tensors:any", lambda *_, dtypes: [],
              _saved, vjp=NO_GRADIENT, stateful=True)  # fmt: skip


def _restored(
    prefix: np.ndarray, tensor_names: np.ndarray, shape_and_slices: np.ndarray, dtypes: tuple[DType, ...]
) -> list[np.ndarray]:
    names, reader = _names(tensor_names, shape_and_slices, dtypes), open_checkpoint(_path(prefix))
    found = [reader.get_tensor(name) for name in names]
    held = reader.get_variable_to_dtype_map()
    wrong = [f"{name!r} is {held[name].name}, not {dtype.name}"
             for name, dtype in zip(names, dtypes, strict=True) if held[name] is not dtype]  # fmt: skip
    if wrong:
        raise InvalidArgumentError.because(f"{_path(prefix)}: {', '.join(wrong)}")
    return found


def _restored_infer(
    prefix: Tensor, tensor_names: Tensor, shape_and_slices: Tensor, dtypes: tuple[DType, ...]
) -> list[tuple[Dims, DType]]:
    return [(None, dtype) for dtype in dtypes]


RESTORE = define("RestoreV2", "prefix:string tensor_names:string shape_and_slices:string", _restored_infer, _restored,
                 vjp=NO_GRADIENT, stateful=True)  # fmt: skip


def _merged(checkpoint_prefixes: np.ndarray, destination_prefix: np.ndarray, delete_old_dirs: bool) -> tuple:
    parts = [os.fsdecode(path) for path in checkpoint_prefixes.reshape(-1).tolist()]
    arrays: dict[str, Any] = {}
    for part in parts:
        reader = open_checkpoint(part)
        arrays |= {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    write_checkpoint(_path(destination_prefix), arrays, bundle=True)
    for part in parts:
        delete_checkpoint(part)
    if delete_old_dirs:
        for folder in {os.path.dirname(part) for part in parts} - {os.path.dirname(_path(destination_prefix))}:
            if not os.listdir(folder):
                os.rmdir(folder)
    return ()


MERGE = define("MergeV2Checkpoints", "checkpoint_prefixes:string destination_prefix:string",
               lambda *_, delete_old_dirs: [], _merged, vjp=NO_GRADIENT, stateful=True)  # fmt: skip


def _sharded(basename: np.ndarray, shard: np.ndarray, num_shards: np.ndarray) -> np.ndarray:
    out = np.empty((), object)
    out[()] = basename.item() + b"-%05d-of-%05d" % (int(shard), int(num_shards))
    return out


SHARDED_NAME = define("ShardedFilename", "basename:string shard:int32 num_shards:int32", lambda *_: ((), string),
                      _sharded, vjp=NO_GRADIENT)  # fmt: skip


def _path(prefix: np.ndarray) -> str:
    return os.fsdecode(prefix.item())
