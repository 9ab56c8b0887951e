"""Programs of tests/recorded give the values, shapes, dtypes and variables that TensorFlow 1.15.5 gave."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf

HERE = Path(__file__).parent / "recorded"
_spec = importlib.util.spec_from_file_location("recorded_play", HERE / "play.py")
assert _spec is not None and _spec.loader is not None
PLAY = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(PLAY)
AREAS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(HERE.glob("*.json"))}
CASES = [(area, name) for area in AREAS for name in sorted(PLAY.cases(area))]


@pytest.mark.parametrize(("area", "name"), CASES, ids=lambda x: x)
def test_as_recorded(area, name):
    case, want = PLAY.cases(area)[name], AREAS[area][name]
    got = PLAY.play(tf, case)
    assert got["variables"] == want["variables"]
    assert [v[:2] for v in got["values"]] == [v[:2] for v in want["values"]]
    tolerance = getattr(case, "tolerance", 2e-5)
    for i, ((shape, dtype, have), (_, _, wanted)) in enumerate(zip(got["values"], want["values"], strict=True)):
        if dtype == "object":
            assert have == wanted, i
            continue
        size = max(1.0, abs(wanted[-1])) if np.prod(shape) > PLAY.SHORT else 1.0
        np.testing.assert_allclose(have, wanted, rtol=tolerance, atol=tolerance * size, err_msg=f"value {i}")
