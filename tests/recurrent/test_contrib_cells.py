"""Cells of tf.contrib.rnn: names of variables, outputs and gradients as TensorFlow 1.15 computed them."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import nest
from graphflow.contrib import rnn

# a cell, the size of its inputs, the names of its variables; then, of each output and of each gradient, the sum of its
# elements times cos(0), cos(1), ...
CELLS = [
    (lambda: rnn.UGRNNCell(4), (3,), "kernel bias", [-0.63981, 0.17763], [0.5803, 7.21443]),
    (lambda: rnn.SRUCell(4), (3,), "kernel bias", [-0.3705, 0.26922], [0.15765, 0.02575]),
    (lambda: rnn.NASCell(4), (3,), "recurrent_kernel kernel", [-0.15173, 0.01684, -0.00447], [0.05236, 1.08052]),
    (
        lambda: rnn.NASCell(4, num_proj=2, use_bias=True),
        (3,),
        "recurrent_kernel kernel bias projection_weights",
        [-0.01081, 0.05713, 0.00169],
        [0.00444, -0.00531, 0.66849, -0.12593],
    ),
    (lambda: rnn.CoupledInputForgetGateLSTMCell(4), (3,), "W_0 B", [-0.16537, -0.10006, -0.04097], [-0.53654, 1.40497]),
    (
        lambda: rnn.CoupledInputForgetGateLSTMCell(4, use_peepholes=True, num_proj=2, proj_clip=0.1),
        (3,),
        "W_0 B W_F_diag W_O_diag W_P_0",
        [0.05409, -0.08728, 0.06526],
        [0.90658, -0.68531, -0.02851, -0.06014, -0.36186],
    ),
    (
        lambda: rnn.CoupledInputForgetGateLSTMCell(4, state_is_tuple=False),
        (3,),
        "W_0 B",
        [-0.16537, 0.16444],
        [-0.53654, 1.40497],
    ),
    (
        lambda: rnn.HighwayWrapper(rnn.GRUCell(3)),
        (3,),
        "gates/kernel gates/bias candidate/kernel candidate/bias carry_w carry_b",
        [0.49292, 0.15724],
        [0.33954, -0.21293, 0.03297, 5.40518, 0.36273, 0.1107],
    ),
    (
        lambda: rnn.HighwayWrapper(rnn.GRUCell(3), couple_carry_transform_gates=False),
        (3,),
        "gates/kernel gates/bias candidate/kernel candidate/bias carry_w carry_b transform_w transform_b",
        [0.53689, 0.15724],
        [0.36345, -0.21649, 0.03981, 5.26695, 0.37519, 0.12941, 0.01221, 0.02869],
    ),
    (lambda: rnn.GRUBlockCell(4), (3,), "w_ru b_ru w_c b_c", [0.55489, -0.79356], [3.07426, 0.83752, 4.38709, 2.56011]),
    (
        lambda: rnn.AttentionCellWrapper(rnn.GRUCell(4), 2),
        (3,),
        "kernel bias gru_cell/gates/kernel gru_cell/gates/bias gru_cell/candidate/kernel gru_cell/candidate/bias "
        "attention/attn_w attention/attn_v attention/kernel attention/bias attn_output_projection/kernel "
        "attn_output_projection/bias",
        [-0.53132, -0.20373, -0.3511, -1.02528],
        [-0.10259, -2.71314, -0.14711, 0.6679, 1.39667, 0.96787, -0.00019, 0.00116, -1e-05, -5e-05, 0.6798, 1.93373],
    ),
    (
        lambda: rnn.Conv1DLSTMCell(input_shape=[4, 2], output_channels=3, kernel_shape=[3]),
        (4, 2),
        "kernel biases",
        [-1.56182, 1.22006, 0.08782],
        [5.9762, -27.24662],
    ),
    (
        lambda: rnn.Conv2DLSTMCell(
            input_shape=[4, 3, 2], output_channels=3, kernel_shape=[3, 2], skip_connection=False
        ),
        (4, 3, 2),
        "kernel biases",
        [-0.26078, -0.13385, 0.15259],
        [29.50072, -50.87355],
    ),
    (
        lambda: rnn.ConvLSTMCell(3, [2, 2, 2, 1], 2, [2, 2, 2], use_bias=False),
        (2, 2, 2, 1),
        "kernel",
        [-0.12285, -0.8592, -0.54672],
        [1.53223],
    ),
]


def summed(values):
    return [float((v.ravel() * np.cos(np.arange(v.size))).sum()) for v in values]


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize(("cell", "size", "names", "outputs", "gradients"), CELLS)
def test_cells_of_contrib(cell, size, names, outputs, gradients):
    x = np.sin(np.arange(6 * np.prod(size))).reshape(2, 3, *size).astype(np.float32)
    y = nest.flatten(tf.nn.dynamic_rnn(cell(), tf.constant(x), dtype=tf.float32))
    weights = tf.trainable_variables()
    assert [v.op.name.removeprefix("rnn/").partition("/")[2] or v.op.name[4:] for v in weights] == names.split()
    dw = tf.gradients(y, weights)
    with tf.Session() as session:
        for i, v in enumerate(weights):
            shape = v.shape.as_list()
            v.load((np.sin(np.arange(np.prod(shape)) + i) * 0.4).reshape(shape), session)
        assert summed(session.run(y)) == pytest.approx(outputs, abs=2e-4)
        assert summed(session.run(dw)) == pytest.approx(gradients, abs=2e-3)


def test_a_convolutional_cell_says_what_does_not_fit():
    with pytest.raises(ValueError, match="one size each and the channels"):
        rnn.ConvLSTMCell(2, [4, 3], 2, [3, 3])


def test_the_skip_connection_of_a_convolutional_cell_widens_its_output():
    cell = rnn.Conv1DLSTMCell(input_shape=[4, 2], output_channels=3, kernel_shape=[3], skip_connection=True)
    assert cell.output_size.as_list() == [4, 5]
    output, _ = cell(tf.zeros([1, 4, 2]), cell.zero_state(1, tf.float32))
    assert output.shape.as_list() == [1, 4, 5]


def test_a_coupled_cell_has_no_layer_norm():
    with pytest.raises(ValueError, match="LayerNormBasicLSTMCell"):
        rnn.CoupledInputForgetGateLSTMCell(4, layer_norm=True)
