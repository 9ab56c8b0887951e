"""Session: fetches, feeds, errors, what it keeps and what it gives away."""

import collections
import copy
import json
import pickle
import threading
import time

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends.cpu.walk import HAS_TEAMS
from graphflow.compat.timeline import Timeline
from graphflow.feeds import as_feed
from graphflow.testing import BACKENDS, count_calls


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture(params=BACKENDS)
def session(graph, request):
    with tf.Session(graph=graph, backend=request.param) as s:
        yield s


# -- fetches -----------------------------------------------------------------------------------------------------
def test_fetches_keep_their_structure(session):
    Pair = collections.namedtuple("Pair", "a b")
    x, y = tf.constant(1.0, name="x"), tf.constant([1, 2], name="y")
    op = tf.no_op()
    assert session.run(x) == 1.0 and isinstance(session.run(x), np.float32)
    got = session.run({"p": Pair(x, [y, op]), "q": (x, "y:0", "x"), "r": []})
    assert got["p"].a == 1.0 and got["p"].b[0].tolist() == [1, 2] and got["p"].b[1] is None
    assert isinstance(got["p"], Pair) and isinstance(got["q"], tuple) and got["q"][2] is None and got["r"] == []
    ordered = session.run(collections.OrderedDict([("b", x), ("a", y)]))
    assert list(ordered) == ["b", "a"] and isinstance(ordered, collections.OrderedDict)


@pytest.mark.parametrize("bad", [None, 3, np.ones(2), 1.5, object()])
def test_what_cannot_be_fetched(session, bad):
    x = tf.constant(1.0)
    with pytest.raises(TypeError, match="cannot fetch"):
        session.run(bad)
    with pytest.raises(TypeError, match="cannot fetch"):
        session.run([x, bad])
    assert session.run(x) == 1.0


def test_fetch_of_another_graph_or_unknown_name(session):
    mine = tf.constant(1.0)
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    for bad in (other, other.op, "nothing:0", "nothing"):
        with pytest.raises(ValueError):
            session.run(bad)
    assert session.run(mine) == 1.0


def test_fetched_arrays_belong_to_the_caller(session):
    v = tf.Variable([1.0, 2.0])
    c = tf.constant([3.0, 4.0])
    x = tf.placeholder(tf.float32, [2])
    session.run(v.initializer)
    fed = np.array([5.0, 6.0], np.float32)
    fetches = [v, c, x, x + 1.0, tf.identity(v), tf.reshape(x, [1, 2]), tf.identity(c)]
    first = session.run(fetches, {x: fed})
    kept = [a.copy() for a in first]
    for a in first:
        a[...] = -1
    assert fed.tolist() == [5.0, 6.0]
    for a, b in zip(session.run(fetches, {x: fed}), kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_run_computes_once(session):
    r = tf.random_uniform([3])
    a, b, c = session.run([r, r, r + 0.0])
    assert a.tolist() == b.tolist() == c.tolist()


def test_the_graph_may_grow_between_runs(session):
    x = tf.constant(1.0)
    assert session.run(x) == 1.0
    assert session.run(x + 1.0) == 2.0


def test_strings_are_bytes(session):
    s = tf.constant(["a", "bc"])
    assert session.run(s).tolist() == [b"a", b"bc"] and session.run(tf.constant("x")) == b"x"


# -- feeds -------------------------------------------------------------------------------------------------------
def test_any_tensor_can_be_fed(session):
    x = tf.constant([1.0, 2.0], name="x")
    y = x * 3.0
    z = y + 1.0
    v = tf.Variable([1.0, 1.0])
    assert session.run(z, {y: [10.0, 20.0]}).tolist() == [11.0, 21.0]
    assert session.run(z, {"x:0": [0, 0]}).tolist() == [1.0, 1.0]
    assert session.run(y, {y: [7, 8]}).tolist() == [7.0, 8.0]
    assert session.run(v + 1.0, {v: [4, 5]}).tolist() == [5.0, 6.0]  # and needs no initializer
    a, b = tf.split(tf.constant([1.0, 2.0]), 2)
    assert session.run([a, b], {a: [9.0]})[1].tolist() == [2.0]


def test_what_waits_for_a_fed_tensor_does_not_need_its_operation(session):
    x, y = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [])
    with tf.control_dependencies([x, y + 1.0]):
        z = tf.constant(3.0)
    assert session.run(z, {x: [1.0, 2.0], y: 0.0}) == 3.0
    a, b = session.run(tf.tuple([x, x]), {x: [1.0, 2.0]})
    assert a.tolist() == b.tolist() == [1.0, 2.0]
    total = y + 1.0
    with tf.control_dependencies([total]):
        z = tf.constant(4.0)
    assert session.run(z, {total: 0.0}) == 4.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be fed"):
        session.run(z)


def test_feeds_are_converted_as_tensorflow_does(session):
    x, i = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.int32, None)
    assert session.run(x, {x: np.array([1, 2], np.float64)}).dtype == np.float32
    assert session.run(i, {i: 2.7}) == 2
    assert session.run(x, {x: np.arange(4.0)[::2]}).tolist() == [0.0, 2.0]
    assert session.run(i * 2, {i: 3}) == 6 and session.run(i * 2, {i: np.zeros((0, 3))}).shape == (0, 3)


def test_a_tuple_of_tensors_is_fed_with_a_nest_of_as_many_values(session):
    State = collections.namedtuple("State", "c h")
    layers = (State(tf.zeros([1, 2]), tf.zeros([1, 2])), tf.zeros([]))
    wanted = [layers[0].c + layers[0].h, layers[1] + 1.0]
    feeds = {layers: ((np.full((1, 2), 3.0), np.full((1, 2), 4.0)), 5.0)}
    assert [r.tolist() for r in session.run(wanted, feeds)] == [[[7.0, 7.0]], 6.0]
    zeros = session.run(layers)
    assert [r.tolist() for r in session.run(wanted, {layers: zeros, wanted[1]: 9.0})] == [[[0.0, 0.0]], 9.0]
    with pytest.raises(ValueError, match="has 3 tensors, its value 1 arrays"):
        session.run(wanted, {layers: np.zeros(3)})


def test_feeds_that_do_not_fit(session):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    y = x * 2.0
    with pytest.raises(ValueError, match=r"cannot feed 'x:0'.*\n.*test_session.py"):
        session.run(y, {x: np.zeros((2, 4))})
    for bad in (np.zeros(3), [[1, 2], [3]], "text", [["a", "b", "c"]]):
        with pytest.raises(ValueError, match="'x:0'"):
            session.run(y, {x: bad})
    for bad in (y, tf.Variable(1.0)):
        with pytest.raises(TypeError, match="feed numbers"):
            session.run(y, {x: bad})
    with tf.Graph().as_default():
        other = tf.placeholder(tf.float32)
    for key in (other, 3, "nothing:0", "x"):
        with pytest.raises(TypeError, match="feed_dict"):
            session.run(y, {key: 1.0})
    with pytest.raises(TypeError):
        session.run(tf.constant(1), {tf.constant(1): 2**40})
    assert session.run(y, {x: [[1, 2, 3]]}).tolist() == [[2.0, 4.0, 6.0]]


def test_an_unfed_placeholder_is_named_with_its_line_and_the_fetch(session):
    x = tf.placeholder(tf.float32, [2], name="images")
    tf.placeholder(tf.float32, name="unused")
    y = tf.exp(x, name="y")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        session.run([tf.constant(1.0), y])
    text = str(caught.value)
    assert "'images:0'" in text and f"{__file__}:{x.op.site[1]}" in text and "'y:0'" in text
    assert caught.value.op is x.op and caught.value.error_code == 3
    assert session.run(y, {x: [0.0, 0.0]}).tolist() == [1.0, 1.0]


def test_shapes_that_do_not_fit_when_run(session):
    x, y = tf.placeholder(tf.float32, None, name="x"), tf.placeholder(tf.float32, None, name="y")
    z = tf.add(x, y, name="z")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        session.run(z, {x: np.zeros((2, 3)), y: np.zeros((2, 4))})
    text = str(caught.value)
    for part in ("Add 'z'", f"{__file__}:{z.op.site[1]}", "float32(2, 3) 'x:0'", "float32(2, 4) 'y:0'"):
        assert part in text
    assert session.run(z, {x: 1.0, y: 2.0}) == 3.0


def test_values_that_do_not_fit_when_run(session):
    x, i = tf.placeholder(tf.float32, None), tf.placeholder(tf.int32, None)
    for bad, feeds in [
        (tf.gather(x, i), {x: [1.0, 2.0], i: [2]}),
        (i // tf.constant(0), {i: 1}),
        (tf.reshape(x, i), {x: np.zeros(6), i: [4, -1]}),
        (tf.range(i, 1), {i: 5}),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{__file__}:\d+"):
            session.run(bad, feeds)
    assert session.run(tf.gather(x, i), {x: [1.0, 2.0], i: [1]}).tolist() == [2.0]


# -- shapes that depend on values ----------------------------------------------------------------------------------
def test_programs_with_shapes_that_values_decide(session):
    x, n = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [])
    where = tf.where(x > 0.0)
    picked = tf.gather(x, where[:, 0]) * 2.0
    v = tf.Variable(0.0)
    session.run(v.initializer)
    total = tf.assign_add(v, tf.reduce_sum(picked) + tf.reduce_sum(tf.cast(tf.range(n), tf.float32)))
    for feed, count, want in [([1, -1, 2], 3, 9.0), ([-1, -1], 1, 9.0), ([3, 0, 0, 0], 3, 18.0)]:
        got, p, before = session.run([total, picked, v], {x: feed, n: count})
        assert got == want and p.shape == (sum(f > 0 for f in feed),)
    assert before == 9.0 and session.run(v) == 18.0


# -- sessions ----------------------------------------------------------------------------------------------------
def test_closed_and_empty_sessions():
    with tf.Session() as s, pytest.raises(RuntimeError, match="empty"):
        s.run("x")
    x = tf.constant(1.0)
    s = tf.Session()
    s.close()
    with pytest.raises(RuntimeError, match="closed"):
        s.run(x)
    with tf.Session() as s:
        assert s.run(x) == 1.0 and x.eval() == 1.0
    with pytest.raises(RuntimeError, match="closed"):
        s.run(x)


def test_eval_and_run_use_the_default_session(session):
    v = tf.Variable(3.0)
    v.initializer.run()
    assert v.eval() == 3.0 and (v + 1.0).eval() == 4.0
    x = tf.placeholder(tf.float32)
    assert (x * 2.0).eval({x: 2.0}) == 4.0
    assert tf.get_default_session() is session


def test_without_a_default_session():
    with pytest.raises(ValueError, match="session"):
        tf.constant(1.0).eval()
    with pytest.raises(ValueError, match="session"):
        tf.no_op().run()


def test_interactive_session():
    s = tf.InteractiveSession()
    assert tf.get_default_session() is s and tf.constant(2.0).eval() == 2.0
    s.close()
    assert tf.get_default_session() is None


def test_make_callable(session):
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [])
    f = session.make_callable({"z": x * y}, [x, y])
    assert f([1, 2], 3)["z"].tolist() == [3.0, 6.0] and f([1], 2)["z"].tolist() == [2.0]
    with pytest.raises(ValueError):
        f([1])
    with pytest.raises(ValueError, match="cannot feed"):
        f(1.0, 2.0)


def test_order_of_feeds_does_not_make_another_program(session):
    a, b = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    c = a - b
    assert session.run(c, {a: 3, b: 1}) == session.run(c, {b: 1, a: 3}) == 2.0
    assert len(session._executables) == 1


def test_requests_are_remembered_by_what_they_ask_for(session):
    Pair = collections.namedtuple("Pair", "a b")
    x = tf.placeholder(tf.float32, [], name="x")
    v = tf.Variable(1.0)
    y = x + 1.0
    session.run(v.initializer)
    for _ in range(2):
        assert session.run(y, {x: 1}) == session.run(y, {"x:0": 1.0}) == session.run(y.name, {x: True}) == 2.0
        assert session.run([y, v], {x: 1}) == [2.0, 1.0] and session.run((y, v), {x: 1}) == (2.0, 1.0)
        assert session.run(Pair(y, v), {x: 1}) == Pair(2.0, 1.0)
        assert session.run([(y, v)], {x: 1}) == [(2.0, 1.0)] and session.run([[y, v]], {x: 1}) == [[2.0, 1.0]]
        assert isinstance(session.run([Pair(y, v)], {x: 1})[0], Pair)
        assert session.run({"y": y}, {x: 1}) == {"y": 2.0} and session.run(v, {v: 4}) == 4.0
        assert session.run([y, y.op, y], {x: 1}) == [2.0, None, 2.0] and session.run([]) == []
    assert len(session._executables) == 6  # initializer, y, y with v, v fed, y with its operation, nothing
    for bad in ({x: 1, "nothing:0": 2}, {x: [1, 2]}, {x: y}):
        with pytest.raises((TypeError, ValueError)):
            session.run(y, bad)


def test_many_threads_may_run(session):
    v = tf.Variable(np.zeros(64, np.float32))
    x = tf.placeholder(tf.float32, [64])
    y = tf.exp(x) - 1.0
    add = tf.assign_add(v, tf.ones([64]))
    session.run(v.initializer)
    wrong = []

    def work(k):
        for _ in range(50):
            if not np.allclose(session.run(y, {x: np.full(64, k)}), np.expm1(k), rtol=1e-5, atol=1e-6):
                wrong.append(k)
            session.run(add)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and session.run(v)[0] == 200.0


def test_config_objects_are_accepted():
    config = tf.ConfigProto(allow_soft_placement=True, intra_op_parallelism_threads=1)
    config.gpu_options.allow_growth = True
    with tf.Session(config=config) as s:
        assert s.run(tf.constant(1.0)) == 1.0
    with pytest.raises(TypeError):
        tf.Session(graph=3)
    with pytest.raises(ValueError, match="backend"):
        tf.Session(backend="tpu")


def test_explain_prints_passes_and_plan_and_runs_nothing():
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    v = tf.Variable([1.0, 2.0, 3.0], name="v")
    y = tf.nn.relu(tf.tanh(x) * 1.0 + v, name="y")
    wanted = [y, tf.where(y > 1.0, name="where"), v.assign([0.0, 0.0, 0.0])]
    with tf.Session(backend="cpu") as session:
        session.run(v.initializer)
        text = session.explain(wanted[0], {x: np.zeros((2, 3))})
        assert text == session.explain("y:0", {"x:0": np.ones((2, 3))})
        assert "simplify: 4 operations; multiply_by_one 1" in text
        buffers = f"feed[0] float32(2, 3) state[{v.op.id}] float32(3,) -> fetch[0] float32(2, 3)"
        assert f"   0    24     60  Tanh+Add+Relu Tanh+add+y   {buffers}\n" in text
        assert "reference: Where where" in tf.explain(wanted, {x: np.zeros((2, 3))}, session)
        assert session.run(v).tolist() == [1.0, 2.0, 3.0]


def test_a_feed_that_fits_is_not_copied():
    x = tf.placeholder(tf.float32, [None, 3])
    value = np.ones((2, 3), np.float32)
    assert as_feed(x, value) is value
    assert as_feed(x, value.astype(np.float64)).dtype == np.float32
    assert as_feed(x, value[:, ::-1]).flags.c_contiguous


def test_a_warm_run_is_a_few_calls():
    a, b = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    with tf.Session(backend="cpu") as session:
        c = a + b
        call = session.make_callable(c, [a, b])
        assert call(1.0, 2.0) == session.run(c, {a: 1.0, b: 2.0}) == 3.0
        assert count_calls(lambda: call(1.0, 2.0)) < 20
        assert count_calls(lambda: session.run(c, {a: 1.0, b: 2.0})) < 30


# -- traces ----------------------------------------------------------------------------------------------------------
def test_a_traced_run_reports_its_steps(session):
    x = tf.placeholder(tf.float32, [None], name="x")
    picked = tf.boolean_mask(tf.cumsum(x, name="sums"), x > 0.0)
    options, metadata = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), tf.RunMetadata()
    for values, want in (([1.0, -1.0, 2.0], [1.0, 2.0]), ([3.0], [3.0])):
        before = time.time()
        got = session.run(picked, {x: values}, options=options, run_metadata=metadata)
        assert got.tolist() == want
        device = metadata.step_stats.dev_stats[0]
        stats = {s.node_name: s for s in device.node_stats}
        assert stats["sums"].timeline_label.startswith("sums = Cumsum(x, ") and len(stats) > 1
        for s in stats.values():
            assert s.all_start_micros / 1e6 > before - 1 and 0 < s.all_end_rel_nanos < 60e9
    trace = json.loads(Timeline(metadata.step_stats).generate_chrome_trace_format())["traceEvents"]
    assert trace[0]["ph"] == "M" and {"sums"} <= {e["args"]["name"] for e in trace if e["ph"] == "X"}
    steps = [e for e in trace if e["ph"] == "X"]
    assert all(e["dur"] >= 0 and 0 <= e["ts"] < 60e6 for e in steps) and min(e["ts"] for e in steps) == 0
    plain = tf.RunMetadata()
    assert session.run(picked, {x: [1.0]}, None, plain).tolist() == [1.0] and plain == tf.RunMetadata()
    assert session.run(x, {x: [1.0]}, tf.RunOptions(trace_level=3)).tolist() == [1.0]
    session.run(tf.no_op(), options=options, run_metadata=metadata)
    assert list(metadata.step_stats.dev_stats[0].node_stats) == []


def test_a_trace_has_every_operation_of_a_kernel():
    """By itself with its part of the time, and in the name of the kernel in the lane of each thread."""
    with tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=2)) as session:
        x, w = tf.placeholder(tf.float32, [300, 200], name="x"), tf.placeholder(tf.float32, [200, 300], name="w")
        h = tf.nn.relu(tf.matmul(x, w, name="product") + 1.0, name="h")
        options, metadata = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), tf.RunMetadata()
        session.run(h, {x: np.ones((300, 200)), w: np.ones((200, 300))}, options, metadata)
    operations, *lanes = metadata.step_stats.dev_stats
    assert operations.device.endswith("/device:CPU:0")
    assert [lane.device.rpartition("/")[2] for lane in lanes] == [f"thread:{i}" for i in range(len(lanes))]
    assert [s.node_name for s in operations.node_stats] == ["product", "add", "h"]
    product, add, relu = operations.node_stats
    assert product.all_end_rel_nanos > add.all_end_rel_nanos > 0 < relu.all_end_rel_nanos
    assert add.all_start_nanos == pytest.approx(product.all_start_nanos + product.all_end_rel_nanos, abs=1)
    kernels = [s for lane in lanes for s in lane.node_stats if s.node_name != "wait"]
    assert {s.timeline_label for s in kernels} == {"product+add+h = MatMul+Add+Relu(x, w, add/y)"}
    assert len(kernels) == len(lanes) == (2 if HAS_TEAMS else 1)
    begin, end = operations.node_stats[0].all_start_nanos, relu.all_start_nanos + relu.all_end_rel_nanos
    for s in kernels:
        assert begin <= s.all_start_nanos and s.all_start_nanos + s.all_end_rel_nanos <= end + 2


def test_what_a_trace_reports_is_put_together_when_it_is_looked_at(session):
    x, found = tf.placeholder(tf.float32, [2], name="x"), []
    for _ in range(4):
        found.append(tf.RunMetadata())
        session.run(tf.cumsum(x), {x: [1, 2]}, tf.RunOptions(trace_level=3), found[-1])
    first, second, third, fourth = found
    assert all("dev_stats" not in vars(metadata.step_stats) for metadata in found)
    assert first.HasField("step_stats") and tf.RunMetadata.FromString(first.SerializeToString()) == first
    assert copy.deepcopy(second) == second and len(second.step_stats.dev_stats) == 2 and second != first
    third.step_stats.ClearField("dev_stats")
    assert len(third.step_stats.dev_stats) == 0
    assert pickle.loads(pickle.dumps(fourth)).step_stats.dev_stats == fourth.step_stats.dev_stats != []


def test_devices(session):
    (device,) = session.list_devices()
    assert device.name.endswith("device:CPU:0") and device.device_type == "CPU" and device.memory_limit_bytes == 0
