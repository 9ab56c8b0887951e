"""`tf.contrib.seq2seq`: decoders, what feeds them, attention, and the loss of sequences."""

from graphflow.contrib.seq2seq.attention import AttentionMechanism, BahdanauAttention, LuongAttention
from graphflow.contrib.seq2seq.beam import (
    BeamSearchDecoder,
    BeamSearchDecoderOutput,
    BeamSearchDecoderState,
    FinalBeamSearchDecoderOutput,
)
from graphflow.contrib.seq2seq.decoder import BasicDecoder, BasicDecoderOutput, Decoder, dynamic_decode
from graphflow.contrib.seq2seq.helper import (
    CustomHelper,
    GreedyEmbeddingHelper,
    Helper,
    InferenceHelper,
    SampleEmbeddingHelper,
    ScheduledEmbeddingTrainingHelper,
    ScheduledOutputTrainingHelper,
    TrainingHelper,
)
from graphflow.contrib.seq2seq.loss import sequence_loss
from graphflow.contrib.seq2seq.tools import hardmax, safe_cumprod, tile_batch
from graphflow.contrib.seq2seq.wrapper import AttentionWrapper, AttentionWrapperState
from graphflow.ops.beams import gather_tree
