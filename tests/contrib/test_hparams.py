"""HParams: values by name, from text and from JSON."""

import json

import pytest

from graphflow.contrib.training import HParams


def made():
    return HParams(rate=0.1, steps=3, name="a", deep=True, sizes=[1, 2], nothing=None)


def test_parse():
    h = made()
    assert h.parse("rate=1, steps = -7,name=b c,deep=false,sizes=[3,4, 5]") is h
    assert h.values() == {"rate": 1.0, "steps": -7, "name": "b c", "deep": False, "sizes": [3, 4, 5], "nothing": None}
    assert type(h.rate) is float and h.parse("sizes[1]=9,deep=1").sizes == [3, 9, 5] and h.deep is True
    assert h.parse("").rate == 1.0 and h.parse("rate=1e-3").rate == 1e-3


@pytest.mark.parametrize(
    "text",
    ["other=1", "steps=1.5", "steps=x", "deep=yes", "steps=[1]", "sizes=1", "steps[0]=1", "sizes[0]=[1]", "rate", "=3"],
)
def test_text_that_is_refused(text):
    h = made()
    with pytest.raises(ValueError, match=r"\S"):
        h.parse(text)
    assert h.values() == made().values()


def test_setting_and_getting():
    h = made()
    h.set_hparam("rate", 2)
    h.set_hparam("sizes", (7,))
    h.add_hparam("extra", "x")
    assert (h.rate, h.sizes, h.extra, h.get("rate"), h.get("missing", 4)) == (2.0, [7], "x", 2.0, 4)
    assert "extra" in h and "missing" not in h and list(h)[-1] == "extra"
    h.del_hparam("extra")
    h.del_hparam("extra")
    assert "extra" not in h and not hasattr(h, "extra")
    for name, value in [("steps", 1.5), ("steps", True), ("deep", 1), ("name", 3), ("sizes", 3), ("steps", [3])]:
        with pytest.raises(ValueError, match=name):
            h.set_hparam(name, value)
    for name, value in [("rate", 1.0), ("parse", 1), ("empty", [])]:
        with pytest.raises(ValueError, match="taken|empty"):  # noqa: RUF043
            h.add_hparam(name, value)
    with pytest.raises(ValueError, match="default"):
        h.get("rate", [1.0])
    with pytest.raises(NotImplementedError):
        HParams(hparam_def=object())


def test_json_and_text():
    h = made()
    assert json.loads(h.to_json()) == h.values() and made().parse_json('{"steps": 8}').steps == 8
    assert h.to_json(sort_keys=True).startswith('{"deep"')
    assert made().override_from_dict({"rate": 0.5, "name": "c"}).values() == {**h.values(), "rate": 0.5, "name": "c"}
    assert str(HParams(b=1, a=2)) == "[('a', 2), ('b', 1)]" and repr(HParams(b=1)) == "HParams(b=1)"
    h.set_model_structure("s")
    assert h.get_model_structure() == "s" and HParams(model_structure=3).get_model_structure() == 3
