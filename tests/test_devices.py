"""Names of devices: completed by outer blocks, given by functions, as TensorFlow records them."""

import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def device(*blocks, make=lambda: tf.constant(1)):
    if not blocks:
        return make().device
    with tf.device(blocks[0]):
        return device(*blocks[1:], make=make)


@pytest.mark.parametrize(("blocks", "name"), [
    ((), ""), (("/cpu:0",), "/device:CPU:0"), (("/cpu:0", "/job:w/task:1"), "/job:w/task:1/device:CPU:0"),
    (("/cpu:0", None), ""), (("/cpu:0", "/gpu:1"), "/device:GPU:1"),
    (("/job:a", "/device:GPU:*"), "/job:a/device:GPU:*"),
    (("/cpu:0", lambda op: "/job:x"), "/job:x/device:CPU:0"),
    (("/cpu:0", lambda op: "/gpu:2" if op.type == "MatMul" else op.device), "/device:CPU:0"),
    ((lambda op: op.device + "/task:1", "/job:w"), "/job:w/task:1"),
    ((tf.DeviceSpec(job="j", task=3, device_type="CPU", device_index=0),), "/job:j/task:3/device:CPU:0"),
])  # fmt: skip
def test_names(blocks, name):
    assert device(*blocks) == name


def test_variables_and_errors():
    assert device("/job:a/device:GPU:2", make=lambda: tf.Variable(1.0)) == "/job:a/device:GPU:2"
    assert device("/cpu:0") == "/device:CPU:0" and device() == ""
    with pytest.raises(ValueError, match="'foo' names no device"):
        device("foo")
    with pytest.raises(TypeError, match="3"):
        device(3)


def test_specs():
    spec = tf.DeviceSpec.from_string("/job:worker/replica:0/task:1/cpu:0")
    assert (spec.job, spec.replica, spec.task, spec.device_type, spec.device_index) == ("worker", 0, 1, "CPU", 0)
    spec.merge_from(tf.DeviceSpec(task=2))
    assert spec.to_string() == "/job:worker/replica:0/task:2/device:CPU:0"


def test_variables_go_round_the_parameter_servers():
    with tf.device(tf.train.replica_device_setter(2)):
        a, b, c = tf.Variable(1.0), tf.Variable(2.0), tf.Variable(3.0)
        total = a + b
    assert [v.device for v in (a, b, c)] == ["/job:ps/task:0", "/job:ps/task:1", "/job:ps/task:0"]
    assert total.device == "/job:worker"
    cluster = tf.train.ClusterSpec({"ps": ["p:1"], "worker": ["w:1", "w:2"]})
    with tf.device(tf.train.replica_device_setter(cluster=cluster, worker_device="/job:worker/task:1/cpu:0")):
        assert tf.Variable(1.0).device == "/job:ps/task:0" and tf.ones([1]).device == "/job:worker/task:1/device:CPU:0"
    assert tf.train.replica_device_setter() is None


def test_clusters():
    cluster = tf.train.ClusterSpec({"ps": ["p:1"], "worker": {0: "w:1", 2: "w:3"}})
    assert cluster.jobs == ["ps", "worker"] and cluster.num_tasks("worker") == 2
    assert cluster.task_indices("worker") == [0, 2] and cluster.job_tasks("worker") == ["w:1", None, "w:3"]
    assert cluster.task_address("ps", 0) == "p:1" and cluster.as_dict()["ps"] == ["p:1"]
    assert cluster == tf.train.ClusterSpec(cluster) and tf.train.ClusterSpec({}) != cluster
    with pytest.raises(ValueError, match="no job"):
        cluster.num_tasks("x")
    with pytest.raises(ValueError, match="no task 5"):
        cluster.task_address("worker", 5)


def test_a_server_for_one_process():
    server = tf.train.Server.create_local_server()
    with tf.Session(server.target) as session:
        assert session.run(tf.constant("hello")) == b"hello"
    alone = tf.train.Server({"worker": ["localhost:2222"]}, job_name="worker", task_index=0)
    assert alone.target == "grpc://localhost:2222"
    with pytest.raises(NotImplementedError, match=r"test_devices.py:\d+: tf.train.Server of 2 tasks"):
        tf.train.Server({"ps": ["a:1"], "worker": ["b:1"]}, job_name="ps", task_index=0)
