"""What beginners do wrong, what TensorFlow says to that, and what graphflow says.

TensorFlow's messages are those of 2.21 (tensorflow.compat.v1), wrapped; where it adds the stack in which the graph was
built, some 20 lines, that is left out.  graphflow's are complete: a run that fails prints this after the user's line.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from textwrap import dedent

import numpy as np
import pytest

import graphflow as tf


@dataclass(frozen=True)
class Mistake:
    what: str
    program: str
    tensorflow: str
    graphflow: str


MISTAKES = [
    Mistake(
        "the matrix of weights the wrong way round",
        program="""
            x = tf.placeholder(tf.float32, [None, 784], name="x")
            W = tf.Variable(tf.zeros([10, 784]), name="W")
            y = tf.matmul(x, W)
        """,
        tensorflow="""
            ValueError: Dimensions must be equal, but are 784 and 10 for '{{node MatMul}} = MatMul[T=DT_FLOAT,
                grad_a=false, grad_b=false, transpose_a=false, transpose_b=false](x, W/read)' with input shapes:
                [?,784], [10,784].
        """,
        graphflow="""
            ShapeError: inner dimensions differ: a has 784 columns, b has 10 rows
            in MatMul 'MatMul', created at program.py:3
                y = tf.matmul(x, W)
              a: float32(?, 784) 'x:0', created at program.py:1
              b: float32(10, 784) 'W/read:0', created at program.py:2
            hint: matmul(a, b, transpose_b=True) takes b transposed
        """,
    ),
    Mistake(
        "images that were not flattened",
        program="""
            images = tf.placeholder(tf.float32, [None, 784], name="images")
            y = tf.reduce_sum(images)
            with tf.Session() as sess:
                sess.run(y, {images: np.zeros((50, 28, 28))})
        """,
        tensorflow="""
            ValueError: Cannot feed value of shape (50, 28, 28) for Tensor images:0, which has shape (?, 784)
        """,
        graphflow="""
            FeedError: cannot feed 'images:0': the value has shape (50, 28, 28), the tensor (?, 784)
            <tf.Tensor 'images:0' shape=(?, 784) dtype=float32>, created at program.py:1
                images = tf.placeholder(tf.float32, [None, 784], name="images")
            hint: it has as many elements as np.reshape(value, [-1, 784])
        """,
    ),
    Mistake(
        "a convolution's output into a dense layer without a reshape",
        program="""
            h = tf.placeholder(tf.float32, [None, 7, 7, 64], name="h")
            W = tf.Variable(tf.zeros([7 * 7 * 64, 1024]), name="W")
            y = tf.matmul(h, W)
        """,
        tensorflow="""
            ValueError: Dimensions must be equal, but are 64 and 3136 for '{{node MatMul}} =
                BatchMatMulV2[T=DT_FLOAT, adj_x=false, adj_y=false, grad_x=false, grad_y=false](h, W/read)' with
                input shapes: [?,7,7,64], [3136,1024].
        """,
        graphflow="""
            ShapeError: inner dimensions differ: a has 64 columns, b has 3136 rows
            in BatchMatMulV2 'MatMul', created at program.py:3
                y = tf.matmul(h, W)
              x: float32(?, 7, 7, 64) 'h:0', created at program.py:1
              y: float32(3136, 1024) 'W/read:0', created at program.py:2
            hint: tf.reshape(a, [-1, 3136]) makes one row of each item
        """,
    ),
    Mistake(
        "labels out of range",
        program="""
            logits = tf.placeholder(tf.float32, [None, 10], name="logits")
            labels = tf.placeholder(tf.int64, [None], name="labels")
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            with tf.Session() as sess:
                sess.run(tf.check_numerics(loss, "loss"), {logits: np.zeros((3, 10)), labels: [1, 9, 10]})
        """,
        tensorflow="""
            InvalidArgumentError: Graph execution error:

            Detected at node 'SparseSoftmaxCrossEntropyWithLogits/SparseSoftmaxCrossEntropyWithLogits' defined at
                (most recent call last):
                File "program.py", line 3, in <module>
            Node: 'SparseSoftmaxCrossEntropyWithLogits/SparseSoftmaxCrossEntropyWithLogits'
            Received a label value of 10 which is outside the valid range of [0, 10).  Label values: 1 9 10
                 [[{{node SparseSoftmaxCrossEntropyWithLogits/SparseSoftmaxCrossEntropyWithLogits}}]]
        """,
        graphflow="""
            InvalidArgumentError: label 10 at position 2 is outside [0, 10)
            in SparseSoftmaxCrossEntropyWithLogits 'SparseSoftmaxCrossEntropyWithLogits/SparseSoftmaxCrossEntropyWithLogits', created at program.py:3
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
              features: float32(3, 10) 'logits:0', created at program.py:1
              labels: int64(3,) 'labels:0', created at program.py:2
        """,
    ),
    Mistake(
        "the logarithm of zero",
        program="""
            p = tf.placeholder(tf.float32, [None], name="p")
            loss = -tf.reduce_mean(tf.log(p))
            checked = tf.add_check_numerics_ops()
            with tf.Session() as sess:
                sess.run([loss, checked], {p: [0.5, 0.0]})
        """,
        tensorflow="""
            InvalidArgumentError: Graph execution error:

            Detected at node 'CheckNumerics_1' defined at (most recent call last):
                File "program.py", line 3, in <module>
            Node: 'CheckNumerics_1'
            Log:0 : Tensor had Inf values
                 [[{{node CheckNumerics_1}}]]
        """,
        graphflow="""
            InvalidArgumentError: Log:0 : the tensor had Inf values
            in CheckNumerics 'CheckNumerics_1', created at program.py:3
                checked = tf.add_check_numerics_ops()
              tensor: float32(2,) 'Log:0', created at program.py:2
        """,
    ),
    Mistake(
        "a placeholder that is not fed",
        program="""
            x = tf.placeholder(tf.float32, [None, 3], name="x")
            y = tf.reduce_mean(x, name="y")
            with tf.Session() as sess:
                sess.run(y)
        """,
        tensorflow="""
            InvalidArgumentError: Graph execution error:

            Detected at node 'x' defined at (most recent call last):
                File "program.py", line 1, in <module>
            Node: 'x'
            You must feed a value for placeholder tensor 'x' with dtype float and shape [?,3]
                 [[{{node x}}]]
        """,
        graphflow="""
            InvalidArgumentError: the placeholder 'x:0' (float32(?, 3)) must be fed, and is not
            in Placeholder 'x', created at program.py:1
                x = tf.placeholder(tf.float32, [None, 3], name="x")
            needed by the fetch 'y:0'
            hint: add it to the feed_dict: run('y:0', {x: ...})
        """,
    ),
    Mistake(
        "a variable without a value",
        program="""
            w = tf.Variable(tf.zeros([3]), name="w")
            y = w * 2.0
            with tf.Session() as sess:
                sess.run(y)
        """,
        tensorflow="""
            FailedPreconditionError: Graph execution error:

            Detected at node 'w/read' defined at (most recent call last):
                File "program.py", line 1, in <module>
            Node: 'w/read'
            Attempting to use uninitialized value w
                 [[{{node w/read}}]]
        """,
        graphflow="""
            FailedPreconditionError: the variable 'w' is used before it has a value in this session
            in VariableV2 'w', created at program.py:1
                w = tf.Variable(tf.zeros([3]), name="w")
            hint: run tf.global_variables_initializer() first
        """,
    ),
    Mistake(
        "two graphs mixed",
        program="""
            a = tf.constant(1.0, name="a")
            with tf.Graph().as_default():
                b = tf.constant(2.0, name="b")
                c = tf.add(a, b)
        """,
        tensorflow="""
            ValueError: Tensor("b:0", shape=(), dtype=float32) must be from the same graph as Tensor("a:0", shape=(),
                dtype=float32) (graphs are <tensorflow.python.framework.ops.Graph object at 0x7f...> and
                <tensorflow.python.framework.ops.Graph object at 0x7f...>).
        """,
        graphflow="""
            GraphError: <tf.Tensor 'b:0' shape=() dtype=float32> must be from the same graph as the other inputs of 'Add'
            in Add 'Add', created at program.py:4
                c = tf.add(a, b)
              <tf.Tensor 'a:0' shape=() dtype=float32>, created at program.py:1
                a = tf.constant(1.0, name="a")
              <tf.Tensor 'b:0' shape=() dtype=float32>, created at program.py:3
                b = tf.constant(2.0, name="b")
            hint: operations go to the default graph, or to that of `with graph.as_default():`
        """,
    ),
    Mistake(
        "a session of another graph",
        program="""
            with tf.Graph().as_default():
                a = tf.constant(1.0, name="a")
            with tf.Session() as sess:
                tf.constant(0.0)
                sess.run(a)
        """,
        tensorflow="""
            ValueError: Argument `fetch` = Tensor("a:0", shape=(), dtype=float32) cannot be interpreted as a Tensor.
                (Tensor Tensor("a:0", shape=(), dtype=float32) is not an element of this graph.)
        """,
        graphflow="""
            GraphError: <tf.Tensor 'a:0' shape=() dtype=float32> belongs to another graph
            <tf.Tensor 'a:0' shape=() dtype=float32>, created at program.py:2
                a = tf.constant(1.0, name="a")
            hint: a session has one graph, tf.Session(graph=...), and so has `with graph.as_default():`
        """,
    ),
    Mistake(
        "text fed for numbers",
        program="""
            x = tf.placeholder(tf.float32, [None], name="x")
            y = x + 1.0
            with tf.Session() as sess:
                sess.run(y, {x: ["one", "two"]})
        """,
        tensorflow="""
            ValueError: could not convert string to float: np.str_('one')
        """,
        graphflow="""
            FeedError: cannot feed 'x:0': a list cannot become float32: could not convert string to float: 'one'
            <tf.Tensor 'x:0' shape=(?,) dtype=float32>, created at program.py:1
                x = tf.placeholder(tf.float32, [None], name="x")
        """,
    ),
    Mistake(
        "a tensor fed",
        program="""
            x = tf.placeholder(tf.float32, [2], name="x")
            y = x + 1.0
            with tf.Session() as sess:
                sess.run(y, {x: tf.zeros([2])})
        """,
        tensorflow="""
            TypeError: The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python
                scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, the tensor object was
                Tensor("zeros:0", shape=(2,), dtype=float32) which was passed to the argument `feed_dict` with key
                Tensor("x:0", shape=(2,), dtype=float32).
        """,
        graphflow="""
            DTypeError: the value fed for 'x:0' is <tf.Tensor 'zeros:0' shape=(2,) dtype=float32>: feed numbers, strings, lists or arrays, not tensors
            <tf.Tensor 'zeros:0' shape=(2,) dtype=float32>, created at program.py:4
                sess.run(y, {x: tf.zeros([2])})
            hint: run the tensor first to get its value: sess.run('zeros:0')
        """,
    ),
    Mistake(
        "integers and floats added",
        program="""
            count = tf.constant(3, name="count")
            total = tf.constant([1.0, 2.0], name="total")
            mean = total / count
        """,
        tensorflow="""
            TypeError: `x` and `y` must have the same dtype, got tf.float32 != tf.int32.
        """,
        graphflow="""
            DTypeError: x and y must have one dtype, not float32 and int32
            in a division, created at program.py:3
                mean = total / count
              x: <tf.Tensor 'total:0' shape=(2,) dtype=float32>, created at program.py:2
              y: <tf.Tensor 'count:0' shape=() dtype=int32>, created at program.py:1
            hint: tf.cast changes the dtype of a tensor
        """,
    ),
    Mistake(
        "a batch that does not broadcast",
        program="""
            x = tf.placeholder(tf.float32, [None, 3], name="x")
            y = tf.placeholder(tf.float32, [None], name="y")
            loss = tf.reduce_mean(tf.square(x - y))
            with tf.Session() as sess:
                sess.run(loss, {x: np.zeros((5, 3)), y: np.zeros(5)})
        """,
        tensorflow="""
            InvalidArgumentError: Graph execution error:

            Detected at node 'sub' defined at (most recent call last):
                File "program.py", line 3, in <module>
            Node: 'sub'
            Incompatible shapes: [5,3] vs. [5]
                 [[{{node sub}}]]
        """,
        graphflow="""
            InvalidArgumentError: shapes (5, 3) and (5,) do not broadcast: 3 is not 5
            in Sub 'sub', created at program.py:3
                loss = tf.reduce_mean(tf.square(x - y))
              x: float32(5, 3) 'x:0', created at program.py:1
              y: float32(5,) 'y:0', created at program.py:2
        """,
    ),
    Mistake(
        "a variable made twice",
        program="""
            a = tf.get_variable("w", [3])
            b = tf.get_variable("w", [3])
        """,
        tensorflow="""
            ValueError: Variable w already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE
                in VarScope? Originally defined at:

              File "program.py", line 1, in <module>
        """,
        graphflow="""
            GraphError: variable 'w' exists already
            <tf.Variable 'w:0' shape=(3,) dtype=float32_ref>, created at program.py:1
                a = tf.get_variable("w", [3])
            hint: reuse=True or reuse=tf.AUTO_REUSE in variable_scope shares it
        """,
    ),
    Mistake(
        "an optimizer with nothing to train",
        program="""
            x = tf.placeholder(tf.float32, [3], name="x")
            w = tf.Variable(tf.zeros([3]), name="w")
            loss = tf.reduce_sum(tf.square(x))
            step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        """,
        tensorflow="""
            ValueError: No gradients provided for any variable, check your graph for ops that do not support
                gradients, between variables ["<tf.Variable 'w:0' shape=(3,) dtype=float32_ref>"] and loss
                Tensor("Sum:0", shape=(), dtype=float32).
        """,
        graphflow="""
            GraphError: the loss <tf.Tensor 'Sum:0' shape=() dtype=float32> has no gradient for any of the variables ['w:0']
            <tf.Tensor 'Sum:0' shape=() dtype=float32>, created at program.py:3
                loss = tf.reduce_sum(tf.square(x))
            hint: the loss must depend on a variable, through operations that have gradients
        """,
    ),
    Mistake(
        "a tensor as a Python condition",
        program="""
            x = tf.constant(3.0, name="x")
            if x > 2.0:
                print("large")
        """,
        tensorflow="""
            OperatorNotAllowedInGraphError: Using a symbolic `tf.Tensor` as a Python `bool` is not allowed. You can
                attempt the following resolutions to the problem: If you are running in Graph mode, use Eager
                execution mode or decorate this function with @tf.function. If you are using AutoGraph, you can try
                decorating this function with @tf.function. If that does not work, then you may be using an
                unsupported feature or your source code may not be visible to AutoGraph. See
                https://github.com/tensorflow/tensorflow/blob/master/tensorflow/python/autograph/g3doc/reference/limitations.md#access-
                to-source-code for more information.
        """,
        graphflow="""
            TypeError: <tf.Tensor 'Greater:0' shape=() dtype=bool> is not a Python bool: it has no value before a session runs; compare with `is None`, or use tf.cond and tf.where for decisions inside the graph
        """,
    ),
    Mistake(
        "a value of the wrong shape assigned",
        program="""
            w = tf.Variable(tf.zeros([2, 3]), name="w")
            step = tf.assign(w, tf.zeros([3, 2]))
        """,
        tensorflow="""
            ValueError: Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2,3] and [3,2]. for
                '{{node Assign}} = Assign[T=DT_FLOAT, use_locking=true, validate_shape=true](w, zeros_1)' with input
                shapes: [2,3], [3,2].
        """,
        graphflow="""
            ShapeError: shapes (2, 3) and (3, 2) are not compatible
            in Assign 'Assign', created at program.py:2
                step = tf.assign(w, tf.zeros([3, 2]))
              ref: float32(2, 3) 'w:0', created at program.py:1
              value: float32(3, 2) 'zeros_1:0', created at program.py:2
        """,
    ),
    Mistake(
        "joining along the wrong axis",
        program="""
            a = tf.zeros([2, 3], name="a")
            b = tf.zeros([4, 3], name="b")
            c = tf.concat([a, b], 1)
        """,
        tensorflow="""
            ValueError: Dimension 0 in both shapes must be equal, but are 2 and 4. Shapes are [2] and [4]. for
                '{{node concat}} = ConcatV2[N=2, T=DT_FLOAT, Tidx=DT_INT32](a, b, concat/axis)' with input shapes:
                [2,3], [4,3], [] and with computed input tensors: input[2] = <1>.
        """,
        graphflow="""
            ShapeError: shapes (2,) and (4,) are not compatible
            in ConcatV2 'concat', created at program.py:3
                c = tf.concat([a, b], 1)
              values[0]: float32(2, 3) 'a:0', created at program.py:1
              values[1]: float32(4, 3) 'b:0', created at program.py:2
              axis: int32() 'concat/axis:0', created at program.py:3
        """,
    ),
    Mistake(
        "an embedding looked up out of range",
        program="""
            table = tf.constant(np.zeros((100, 8), np.float32), name="table")
            words = tf.placeholder(tf.int32, [None], name="words")
            vectors = tf.gather(table, words)
            with tf.Session() as sess:
                sess.run(vectors, {words: [5, 100]})
        """,
        tensorflow="""
            InvalidArgumentError: Graph execution error:

            Detected at node 'GatherV2' defined at (most recent call last):
                File "program.py", line 3, in <module>
            Node: 'GatherV2'
            indices[1] = 100 is not in [0, 100)
                 [[{{node GatherV2}}]]
        """,
        graphflow="""
            InvalidArgumentError: indices[1] = 100 is out of range: it must be in [0, 100)
            in GatherV2 'GatherV2', created at program.py:3
                vectors = tf.gather(table, words)
              params: float32(100, 8) 'table:0', created at program.py:1
              indices: int32(2,) 'words:0', created at program.py:2
              axis: int32() 'GatherV2/axis:0', created at program.py:3
        """,
    ),
    Mistake(
        "a reshape that does not come out even",
        program="""
            x = tf.placeholder(tf.float32, [None, 28, 28], name="x")
            flat = tf.reshape(x, [-1, 780])
            with tf.Session() as sess:
                sess.run(flat, {x: np.zeros((1, 28, 28))})
        """,
        tensorflow="""
            InvalidArgumentError: Graph execution error:

            Detected at node 'Reshape' defined at (most recent call last):
                File "program.py", line 2, in <module>
            Node: 'Reshape'
            Input to reshape is a tensor with 784 values, but the requested shape requires a multiple of 780
                 [[{{node Reshape}}]]
        """,
        graphflow="""
            InvalidArgumentError: cannot reshape (1, 28, 28) to (?, 780): the numbers of elements differ
            in Reshape 'Reshape', created at program.py:2
                flat = tf.reshape(x, [-1, 780])
              tensor: float32(1, 28, 28) 'x:0', created at program.py:1
              shape: int32(2,) 'Reshape/shape:0', created at program.py:2
        """,
    ),
    Mistake(
        "a name that is not in the graph",
        program="""
            x = tf.placeholder(tf.float32, [None, 3], name="inputs")
            tensor = tf.get_default_graph().get_tensor_by_name("input:0")
        """,
        tensorflow="""
            KeyError: "The name 'input:0' refers to a Tensor which does not exist. The operation, 'input', does not
                exist in the graph."
        """,
        graphflow="""
            KeyError: "the name 'input:0' refers to a tensor of an operation that is not in the graph; did you mean 'inputs'?"
        """,
    ),
    Mistake(
        "a fetch that is no tensor",
        program="""
            loss = tf.constant(1.0, name="loss")
            with tf.Session() as sess:
                loss, _ = sess.run([loss, None])
        """,
        tensorflow="""
            TypeError: Argument `fetch` = None has invalid type "NoneType". Cannot be None
        """,
        graphflow="""
            TypeError: cannot fetch None of type NoneType: a fetch is a Tensor, an Operation, a Variable, a name, or a list, tuple or dict of these
        """,
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m.what for m in MISTAKES])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_the_message(mistake, backend, monkeypatch):
    source = dedent(mistake.program).strip() + "\n"
    monkeypatch.setitem(linecache.cache, "program.py", (len(source), None, source.splitlines(True), "program.py"))
    with tf.Graph().as_default(), tf.config(backend=backend), pytest.raises(Exception) as raised:
        exec(compile(source, "program.py", "exec"), {"tf": tf, "np": np})
    assert f"{raised.type.__name__}: {raised.value}" == dedent(mistake.graphflow).strip()


def test_every_message_shows_the_line():
    """The line that made what is wrong is in the message, unless it is the one that raises: then Python shows it."""
    told = [m.what for m in MISTAKES if "created at program.py:" in m.graphflow]
    assert len(MISTAKES) >= 20 and len(told) >= len(MISTAKES) - 3
