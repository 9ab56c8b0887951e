"""Attributes of operations as a GraphDef has them, in TensorFlow's names and types, and back."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.dtypes import DType, ListType, as_dtype, int32
from graphflow.errors import GraphError
from graphflow.exchange.unsaved import LostFunction
from graphflow.graph_protos import AttrValue, NodeDef, TensorProto
from graphflow.operation import Operation
from graphflow.ops.define import REGISTRY, OpDef
from graphflow.shape import TensorShape, as_dims
from graphflow.tensor_proto import make_ndarray, make_tensor_proto, shape_dims, shape_proto

# Attributes that have another name in TensorFlow.
_RENAMED: dict[str, dict[str, str]] = {
    "BatchToSpaceND": {"Tblock": "Tblock_shape", "Tedges": "Tcrops"},
    "Cast": {"dtype": "DstT"},
    "DecodeImage": {"animated": "expand_animations"},
    "LookupTableExportV2": {"key_dtype": "Tkeys", "value_dtype": "Tvalues"},
    "MaxPoolWithArgmax": {"targmax": "Targmax"},
    "PyFunc": {"function": "token"},
    "PyFuncStateless": {"function": "token"},
    "StaticRegexReplace": {"every": "replace_global"},
    "StringToHashBucketFast": {"n": "num_buckets"},
    "SpaceToBatchND": {"Tblock": "Tblock_shape", "Tedges": "Tpaddings"},
    "SparseToDense": {"validate": "validate_indices"},
}

# The attribute that lists the dtypes of inputs of any dtype.
_LISTED = {
    "Assert": "T", "DecodeCSV": "OUT_TYPE", "IdentityN": "T", "PyFunc": "Tin", "PyFuncStateless": "Tin",
    "StringFormat": "T",
}  # fmt: skip
# Attributes of graphflow's that TensorFlow's ops do without.
_UNWRITTEN: dict[str, tuple[str, ...]] = {
    "Conv3D": ("explicit_paddings",), "Conv3DBackpropFilterV2": ("explicit_paddings",),
    "Conv3DBackpropInputV2": ("explicit_paddings",), "InitializeTableFromTextFileV2": ("key_dtype", "value_dtype"),
    "LookupTableExportV2": ("mutable",), "LookupTableFindV2": ("mutable",),
    "LookupTableSizeV2": ("mutable",), "RandomGamma": ("dtype",), "ResizeArea": ("half_pixel_centers",),
}  # fmt: skip

# Where the dtype of an input, or the number of inputs, has another name than the record's type variable.
_TYPES = {
    name: (variable, attr)
    for variable, attr, ops in (
        ("I", "Tidx", "All Any ArgMax ArgMin BroadcastTo ConcatV2 Cumprod Cumsum EuclideanNorm LinSpace Max Mean Min "
                      "Prod ReverseV2 Sum"),
        ("I", "Tindices", "ScatterAdd ScatterDiv ScatterMax ScatterMin ScatterMul ScatterNd ScatterNdAdd ScatterNdSub "
                          "ScatterNdUpdate ScatterSub ScatterUpdate SegmentMax SegmentMean SegmentMin SegmentProd "
                          "SegmentSum SparseApplyAdadelta SparseApplyAdagrad SparseApplyAdagradDA SparseToDense "
                          "SparseApplyCenteredRMSProp SparseApplyFtrlV2 SparseApplyMomentum SparseApplyProximalAdagrad "
                          "SparseApplyProximalGradientDescent SparseApplyRMSProp TensorScatterAdd TensorScatterSub "
                          "TensorScatterUpdate UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd "
                          "UnsortedSegmentSum GatherNd GatherV2"),
        ("I", "Index", "Slice StridedSlice StridedSliceGrad"),
        ("I", "Tpaddings", "MirrorPad MirrorPadGrad Pad PadV2"),
        ("I", "T", "RandomStandardNormal RandomUniform TruncatedNormal InTopKV2"),
        ("I", "Tlen", "ReverseSequence SplitV"),
        ("I", "Tshape", "Reshape"), ("I", "Tdim", "ExpandDims"), ("I", "index_type", "Fill"),
        ("I", "Tperm", "Transpose"),
        ("I", "Tmultiples", "Tile"), ("I", "Tindex", "MatrixBandPart"), ("T", "Tidx", "Range"), ("T", "SrcT", "Cast"),
        ("I", "Tlabels", "SparseSoftmaxCrossEntropyWithLogits"), ("T", "Tcomplex", "FFT FFT2D IFFT IFFT2D IRFFT"),
        ("T", "dtype", "PlaceholderWithDefault IsVariableInitialized"), ("T", "Treal", "RFFT"),
    )
    for name in ops.split()
}  # fmt: skip
_MORE_TYPES: dict[str, dict[str, str]] = {
    **{f"LookupTable{op}V2": {"K": "Tin", "V": "Tout"} for op in ("Find", "Insert")},
    **{f"Stateless{op}": {"I": "T", "S": "Tseed"} for op in ("RandomNormal", "RandomUniform", "TruncatedNormal")},
    **{f"UnsortedSegment{op}": {"Tnum": "Tnumsegments"} for op in ("Max", "Min", "Prod", "Sum")},
    "InitializeTableV2": {"K": "Tkey", "V": "Tval"},
    "LookupTableRemoveV2": {"T": "Tin"},
    "RandomGamma": {"I": "S"},
    "GatherNd": {"T": "Tparams"},
    "GatherV2": {"T": "Tparams"},
    "RandomUniformInt": {"T": "Tout", "I": "T"},
}

# Attributes of TensorFlow that graphflow does without, and their values for which that changes nothing; None: any.
_WITHOUT: dict[str, tuple | None] = {
    "T": None, "N": None, "S": None, "R": None, "U": None, "Index": None, "use_locking": None, "shared_name": None,
    "container": None, "use_cudnn_on_gpu": None, "message": None, "incompatible_shape_error": None,
    "bad_indices_policy": None, "validate_indices": None, "grad_a": None, "grad_b": None, "grad_x": None,
    "grad_y": None, "data_format": ("NHWC", "NDHWC"), "use_nesterov": (False,), "Truncate": (False,),
    "explicit_paddings": ((),), "update_slots": (True,), "multiply_linear_by_lr": (False,), "parallel_iterations": None,
    "index_type": None, "dtype": None, "allowed_devices": None, "debug_name": None, "shape_type": None,
    "allow_missing_files": None, "use_node_name_sharing": None, "dilations": ((), (1, 1, 1, 1), (1, 1, 1, 1, 1)),
}  # fmt: skip
# What older graph files do not have.
_OLDER: dict[str, Any] = {
    "dilations": (1, 1, 1, 1), "explicit_paddings": (), "batch_dims": 0, "half_pixel_centers": False,
    "align_corners": False, "out_type": int32, "validate_shape": True,
}  # fmt: skip

_SAME_OPS = {
    "AddV2": "Add", "BatchMatMul": "BatchMatMulV2", "BatchMatMulV3": "BatchMatMulV2", "BiasAddV1": "BiasAdd",
    "ControlTrigger": "NoOp", "HashTable": "HashTableV2", "Inv": "Reciprocal", "InvGrad": "ReciprocalGrad",
    "MutableHashTable": "MutableHashTableV2", "Mod": "TruncateMod", "PlaceholderV2": "Placeholder",
    "RefIdentity": "Identity", "Variable": "VariableV2",
    # Where TensorFlow's op takes the handle of a variable, graphflow's takes the variable.
    "AssignAddVariableOp": "AssignAdd", "AssignSubVariableOp": "AssignSub", "AssignVariableOp": "Assign",
    "ReadVariableOp": "Identity", "ResourceCountUpTo": "CountUpTo", "VarHandleOp": "VariableV2",
    "VarIsInitializedOp": "IsVariableInitialized", "VariableShape": "Shape",
}  # fmt: skip
_OF_RESOURCES = re.compile(r"Resource((?:Scatter|Apply|SparseApply)\w+)\Z")


def known_as(op: str) -> str:
    """The name of the op here, where graphflow has one that takes the same inputs."""
    found = _OF_RESOURCES.match(op)
    return found.group(1) if found else _SAME_OPS.get(op, op)


# -- to a GraphDef -----------------------------------------------------------------------------------------------------
def attr_values(op: Operation) -> dict[str, AttrValue]:
    """The attributes of an operation, with the dtypes and the number of its inputs that TensorFlow asks for."""
    names = _RENAMED.get(op.type, {})
    unwritten = _UNWRITTEN.get(op.type, ())
    found = {
        names.get(key, key): attr_value(names.get(key, key), value)
        for key, value in op.attrs.items()
        if key not in unwritten
    }
    if op.type in ("HashTableV2", "MutableHashTableV2"):  # TensorFlow finds tables by this name
        found["shared_name"] = attr_value("shared_name", op.name)
    for name, value in _input_types(op).items():
        found.setdefault(name, attr_value(name, value))
    return found


def _input_types(op: Operation) -> dict[str, Any]:
    variable, renamed = _TYPES.get(op.type, ("", ""))
    names = {variable: renamed, **_MORE_TYPES.get(op.type, {})}
    args = op.definition.args
    extra = len(op.inputs) - len(args) + 1
    found: dict[str, Any] = {}
    at = 0
    for arg in args:
        if arg.variadic and arg.variable != "any":  # others have lists of dtypes
            found["N"] = extra
        here = op.inputs[at : at + (extra if arg.variadic else 1)]
        at += len(here)
        if arg.variadic and op.type in _LISTED:
            found[_LISTED[op.type]] = tuple(t.dtype for t in here)
        if arg.variable and arg.variable != "any" and here:
            name = names.get(arg.variable, arg.variable)
            found.setdefault(name, here[0].dtype)
    return found


def attr_value(name: str, value: Any) -> AttrValue:
    """A value as an attribute.  What the message cannot say exactly is kept beside it, for this process."""
    if isinstance(value, DType):
        return _kept(AttrValue(type=value.as_datatype_enum), value, not isinstance(value, ListType))
    if isinstance(value, (bool, np.bool_)):
        return AttrValue(b=value)
    if isinstance(value, (int, np.integer)):
        return AttrValue(i=value)
    if isinstance(value, (float, np.floating)):
        return _kept(AttrValue(f=value), float(value), np.float32(value) == value)
    if isinstance(value, str):
        return AttrValue(s=value.encode())
    if isinstance(value, bytes):
        return _kept(AttrValue(s=value), value)
    if name == "bad_color":
        return _kept(AttrValue(tensor=make_tensor_proto(np.array(value, np.uint8))), value)
    if name == "token":
        called = getattr(value, "__qualname__", repr(value))
        return _kept(AttrValue(s=f"a function, {called}".encode()), value)
    if isinstance(value, np.ndarray):
        return AttrValue(tensor=make_tensor_proto(value))
    if isinstance(value, TensorShape):
        return _kept(AttrValue(shape=shape_proto(as_dims(value))), value)
    if value is None and name == "shape" or isinstance(value, tuple) and _is_shape(name, value):
        return AttrValue(shape=shape_proto(value))
    if isinstance(value, (tuple, list)):
        listed = _listed(value)
        if listed is not None:
            return _kept(AttrValue(list=listed), value, isinstance(value, tuple))
    return _kept(AttrValue(placeholder=f"a {type(value).__name__}"), value)


def _is_shape(name: str, value: tuple) -> bool:
    sizes = all(v is None or type(v) is int for v in value)
    return sizes and (name == "shape" or None in value)


def _kept(made: AttrValue, value: Any, exact: bool = False) -> AttrValue:
    if not exact:
        made.keep(value)
    return made


def _listed(values: Any) -> AttrValue.ListValue | None:
    made = AttrValue.ListValue()
    made.SetInParent()
    for field, kinds in (("b", bool), ("i", int), ("f", float), ("s", str), ("type", DType), ("shape", TensorShape)):
        if values and all(type(v) is kinds for v in values):
            convert: Any = {"s": str.encode, "type": lambda d: d.as_datatype_enum,
                            "shape": lambda s: shape_proto(as_dims(s))}.get(field, lambda v: v)  # fmt: skip
            getattr(made, field).extend(map(convert, values))
            return made if field != "f" or list(made.f) == list(values) else None
    return None if values else made


# -- from a GraphDef ---------------------------------------------------------------------------------------------------
def attrs_of(node: NodeDef) -> dict[str, Any]:
    """The attributes that graphflow's record of the op takes.

    Raises: GraphError for those that it does not know, and for values that a file cannot hold.
    """
    record = REGISTRY[known_as(node.op)]
    names = {theirs: ours for ours, theirs in _RENAMED.get(record.name, {}).items()}
    takes, needs, others = parameters(record)
    variables = {arg.variable for arg in record.args}
    found: dict[str, Any] = {}
    for key, message in node.attr.items():
        if key.startswith("_"):
            continue
        name = names.get(key, key)
        if key in variables and name not in takes:  # a dtype that the inputs have
            continue
        if node.op == "AssignVariableOp" and key == "validate_shape":  # the variable has a shape of its own
            continue
        value = python_value(node.name, key, message)
        if name == "function" and isinstance(value, str):
            value = LostFunction(node.name, value)
        if name in takes or not _left_out(key, value, message):
            if name not in takes and not others:
                raise GraphError(f"node {node.name!r} ({node.op}) has an attribute {key!r}, which is not known")
            found[name] = value
    for name in needs - found.keys():
        if name in _OLDER:
            found[name] = _OLDER[name]
    return found


def _left_out(key: str, value: Any, message: AttrValue) -> bool:
    if key in _WITHOUT:
        fine = _WITHOUT[key]
        if fine is not None and value not in fine:
            raise GraphError(f"graphflow takes the attribute {key!r} only with {fine[0]!r}, not {value!r}")
        return True
    if key in _LISTED.values():
        return True
    return message.WhichOneof("value") == "type" and key[:1] == "T" or key == "SrcT"


@functools.cache
def parameters(record: OpDef) -> tuple[frozenset[str], frozenset[str], bool]:
    """(names of the attributes that infer and the reference name, those that they need, whether others are fine)."""
    takes, needs, others = set(), set(), record.reference is None
    for function in (record.infer, record.reference):
        if inspect.isfunction(function):
            for p in inspect.signature(function).parameters.values():
                others |= function is record.reference and p.kind is p.VAR_KEYWORD
                if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                    takes.add(p.name)
                    if p.default is p.empty:
                        needs.add(p.name)
    if "Conv" in record.name:  # which hand all of theirs on
        takes |= {"dilations", "explicit_paddings"}
        needs |= {"dilations", "explicit_paddings"}
    inputs = {arg.name for arg in record.args}
    return frozenset(takes - inputs), frozenset(needs - inputs), others


def python_value(node: str, key: str, message: AttrValue) -> Any:
    """The Python value of an attribute."""
    if message.kept is not None:
        return message.kept[0]
    kind = message.WhichOneof("value")
    if kind == "placeholder" or kind is None:
        what = message.placeholder or "what it does not know"
        raise GraphError(f"node {node!r}: a file cannot hold its attribute {key!r}, {what}")
    value = getattr(message, kind)
    if kind == "list":
        fields = value.ListFields()
        return tuple(_plain(fields[0][0].name, item) for item in fields[0][1]) if fields else ()
    return _plain(kind, value)


def _plain(kind: str, value: Any) -> Any:
    if kind == "s":
        return value.decode("utf-8", "surrogateescape")
    if kind == "type":
        return as_dtype(value)
    if kind == "shape":
        return shape_dims(value)
    return make_ndarray(value) if isinstance(value, TensorProto) else value


def made_node(name: str, op: str, inputs: Any, device: str, attrs: Mapping[str, Any]) -> NodeDef:
    """A node from Python values."""
    names = _RENAMED.get(op, {})
    made = {names.get(key, key): attr_value(names.get(key, key), value) for key, value in attrs.items()}
    return NodeDef(name=name, op=op, input=inputs, device=device, attr=made)


def constant_node(name: str, value: Any, device: str = "") -> NodeDef:
    """A Const node with this value, an array or what becomes one."""
    proto = make_tensor_proto(value)
    attrs = {"dtype": AttrValue(type=proto.dtype), "value": AttrValue(tensor=proto)}
    return NodeDef(name=name, op="Const", device=device, attr=attrs)
