"""`slim.model_analyzer`: how large the variables and the outputs of operations are, as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphflow.graph import Graph


def tensor_description(var: Any) -> str:
    """Such as (float32_ref 5x5x1x32) [800, bytes: 3200]."""
    return _described(var, f"{var.dtype.base_dtype.name}_ref" if hasattr(var, "initializer") else var.dtype.name)


def analyze_ops(graph: Graph, print_info: bool = False) -> int:
    """How many elements the outputs of all operations have, as far as their shapes are known."""
    lines = ["---------", "Operations: name -> (type shapes) [size]", "---------"]
    total = 0
    for op in graph.get_operations():
        sizes = [_size(t) for t in op.outputs]
        described = ", ".join(_described(t, t.dtype.name) for t in op.outputs)
        lines.append(f"{op.name}\t->\t{described} [{sum(sizes)}]")
        total += sum(sizes)
    return _printed([*lines, "---------", f"Total size: {total}"], total, print_info)


def analyze_vars(variables: Iterable[Any], print_info: bool = False) -> tuple[int, int]:
    """(elements, bytes) of the variables; printed a line each when `print_info`."""
    lines = ["---------", "Variables: name (type shape) [size]", "---------"]
    elements = size = 0
    for var in variables:
        elements += _size(var)
        size += _size(var) * var.dtype.base_dtype.size
        lines.append(f"{var.name} {tensor_description(var)}")
    lines += [f"Total size of variables: {elements}", f"Total bytes of variables: {size}"]
    return _printed(lines, (elements, size), print_info)


def _size(tensor: Any) -> int:
    return tensor.get_shape().num_elements() or 0


def _described(tensor: Any, dtype: str) -> str:
    shape = tensor.get_shape()
    if shape.ndims is None:
        return f"({dtype} unknown shape)"
    sizes = "x".join("?" if n is None else str(n) for n in shape.as_list())
    if not shape.is_fully_defined():
        return f"({dtype} {sizes or 'scalar'})"
    size = _size(tensor)
    return f"({dtype} {sizes}) [{size}, bytes: {size * tensor.dtype.base_dtype.size}]"


def _printed(lines: list[str], result: Any, print_info: bool) -> Any:
    if print_info:
        print("\n".join(lines))
    return result
