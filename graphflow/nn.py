"""`tf.nn`: the names of TensorFlow 1's neural-network module; re-exports and nothing else."""

from graphflow import rnn_cell
from graphflow.losses import compute_average_loss, scale_regularization_loss
from graphflow.ops.activations import elu, leaky_relu, relu, relu6, selu, softplus, softsign, swish
from graphflow.ops.bias import bias_add, crelu, relu_layer, xw_plus_b
from graphflow.ops.candidates import log_uniform_candidate_sampler, uniform_candidate_sampler
from graphflow.ops.conv import conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose
from graphflow.ops.conv3d import conv3d, conv3d_transpose
from graphflow.ops.convolution import atrous_conv2d, atrous_conv2d_transpose, conv1d, conv1d_transpose, convolution
from graphflow.ops.cross_entropy import (
    log_poisson_loss,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from graphflow.ops.ctc import ctc_greedy_decoder, ctc_loss
from graphflow.ops.ctc_beams import ctc_beam_search_decoder, ctc_beam_search_decoder_v2
from graphflow.ops.depthwise import depthwise_conv2d, depthwise_conv2d_native, separable_conv2d
from graphflow.ops.embedding import embedding_lookup, embedding_lookup_sparse, safe_embedding_lookup_sparse
from graphflow.ops.lrn import local_response_normalization, lrn
from graphflow.ops.math import sigmoid
from graphflow.ops.morphology import dilation2d, erosion2d
from graphflow.ops.normalization import (
    batch_norm_with_global_normalization,
    batch_normalization,
    dropout,
    fused_batch_norm,
)
from graphflow.ops.pool import avg_pool, avg_pool1d, avg_pool2d, max_pool, max_pool1d, max_pool2d
from graphflow.ops.pool3d import avg_pool3d, max_pool3d, pool
from graphflow.ops.pool_argmax import max_pool_with_argmax
from graphflow.ops.ranking import in_top_k, top_k
from graphflow.ops.sampled_losses import nce_loss, sampled_softmax_loss
from graphflow.ops.softmax import log_softmax, softmax
from graphflow.ops.statistics import (
    l2_loss,
    l2_normalize,
    moments,
    normalize_moments,
    sufficient_statistics,
    weighted_moments,
    zero_fraction,
)
from graphflow.ops.trigonometry import tanh
from graphflow.recurrent.bidirectional import bidirectional_dynamic_rnn, static_bidirectional_rnn
from graphflow.recurrent.raw import raw_rnn
from graphflow.recurrent.unroll import dynamic_rnn, static_rnn
