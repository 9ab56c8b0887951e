"""Every op of the registry is run with values that do not fit it: the error says what, where and with what inputs.

Operations are made of placeholders of unknown shape, so that nothing is found before they run.
"""

from __future__ import annotations

import linecache
import resource
import traceback
import zlib
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from graphflow import frames
from graphflow.errors import GraphflowError, InternalError
from graphflow.operation import PACKAGE
from graphflow.ops.define import REGISTRY
from graphflow.shape import TensorShape

STRIDES, STRIDES_3D = (1, 2, 2, 1), (1, 2, 2, 2, 1)
POOL = {"ksize": STRIDES, "strides": STRIDES, "padding": "SAME"}
POOL_3D = {"ksize": STRIDES_3D, "strides": STRIDES_3D, "padding": "SAME"}
CONV = {"strides": (1, 1, 1, 1), "padding": "SAME", "explicit_paddings": (), "dilations": (1, 1, 1, 1)}
CONV_3D = {"strides": (1,) * 5, "padding": "SAME", "explicit_paddings": (), "dilations": (1,) * 5}
DILATION = {"strides": (1, 1, 1, 1), "rates": (1, 1, 1, 1), "padding": "SAME"}
PATCHES = {"ksizes": STRIDES, "strides": STRIDES, "rates": (1, 1, 1, 1), "padding": "VALID"}
MASKS = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
RESIZE = {"align_corners": False, "half_pixel_centers": False}
SEEDS = {"seed": 1, "seed2": 2}
DRAW = {**SEEDS, "dtype": tf.float32}
SAMPLER = {"num_true": 1, "num_sampled": 4, "unique": True, "range_max": 10, **SEEDS}
FOLDED = {"keep_dims": False}
SCANNED = {"exclusive": False, "reverse": False}
INDICES = {"out_idx": tf.int32}
SIZES = {"out_type": tf.int32}
BLOCK = {"block_size": 2, "data_format": "NHWC"}
MOMENTUM = {"use_nesterov": False}
POSITIONS = {"output_type": tf.int64}
CHANNELS = {"data_format": "NCHW"}
DIAGONAL = {"k": 0}
SETS = {"set_operation": "union", "validate_indices": True}
PLAIN = {"adjoint": False}
REFLECT = {"mode": "REFLECT"}
BATCH = {"batch_dims": 1}
COUNTS = {"dtype": tf.int32}
PICTURE = {"channels": 3, "dtype": tf.uint8}
FLOATS = {"dtype": tf.float32}

# The attributes of the ops that need some: a new one has to be entered here, or in NOT_HERE.
ATTRS = {
    "ShapeN": SIZES,
    **dict.fromkeys("AvgPool AvgPoolGrad".split(), POOL),
    **dict.fromkeys("MaxPool MaxPoolGrad MaxPoolGradGrad".split(), POOL),
    **dict.fromkeys("AvgPool3D AvgPool3DGrad MaxPool3D MaxPool3DGrad MaxPool3DGradGrad".split(), POOL_3D),
    **dict.fromkeys("Conv2D Conv2DBackpropInput Conv2DBackpropFilter DepthwiseConv2dNative".split(), CONV),
    **dict.fromkeys("DepthwiseConv2dNativeBackpropInput DepthwiseConv2dNativeBackpropFilter".split(), CONV),
    **dict.fromkeys("Conv3D Conv3DBackpropInputV2 Conv3DBackpropFilterV2".split(), CONV_3D),
    **dict.fromkeys("Dilation2D Dilation2DBackpropInput Dilation2DBackpropFilter".split(), DILATION),
    **dict.fromkeys("ExtractImagePatches ExtractImagePatchesGrad".split(), PATCHES),
    **dict.fromkeys("StridedSlice StridedSliceAssign StridedSliceGrad".split(), MASKS),
    **dict.fromkeys("ResizeArea ResizeAreaGrad ResizeBilinear ResizeBilinearGrad ResizeBicubic".split(), RESIZE),
    **dict.fromkeys("ResizeBicubicGrad ResizeNearestNeighbor ResizeNearestNeighborGrad".split(), RESIZE),
    **dict.fromkeys("RandomUniform RandomStandardNormal TruncatedNormal RandomGamma RandomPoissonV2".split(), DRAW),
    **dict.fromkeys("RandomShuffle RandomUniformInt".split(), SEEDS),
    **dict.fromkeys("StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal".split(), FLOATS),
    **dict.fromkeys("UniformCandidateSampler LogUniformCandidateSampler".split(), SAMPLER),
    **dict.fromkeys("Sum Mean Max Min Any All EuclideanNorm Prod".split(), FOLDED),
    **dict.fromkeys("Cumsum Cumprod".split(), SCANNED),
    **dict.fromkeys("Unique UniqueWithCounts ListDiff".split(), INDICES),
    **dict.fromkeys("Shape Size LowerBound UpperBound".split(), SIZES),
    **dict.fromkeys("SpaceToDepth DepthToSpace".split(), BLOCK),
    **dict.fromkeys("ApplyMomentum SparseApplyMomentum ApplyAdam".split(), MOMENTUM),
    **dict.fromkeys("ArgMax ArgMin".split(), POSITIONS),
    **dict.fromkeys("BiasAdd BiasAddGrad".split(), CHANNELS),
    **dict.fromkeys("MatrixDiagPart MatrixSetDiag".split(), DIAGONAL),
    **dict.fromkeys("MatrixInverse MatrixSolve".split(), PLAIN),
    **dict.fromkeys("MirrorPad MirrorPadGrad".split(), REFLECT),
    **dict.fromkeys("GatherV2 GatherGrad".split(), BATCH),
    **dict.fromkeys("DenseToDenseSetOperation DenseToSparseSetOperation SparseToSparseSetOperation".split(), SETS),
    "ImageProjectiveTransformV2": {"interpolation": "BILINEAR"},
    "SetSize": {"validate_indices": True},
    **dict.fromkeys("HistogramFixedWidth HistogramFixedWidthBins".split(), COUNTS),
    **dict.fromkeys("DecodePng DecodeBmp DecodeJpeg".split(), PICTURE),
    "ArgSort": {"descending": False},
    "AsString": {"precision": -1, "scientific": False, "shortest": False, "width": -1, "fill": ""},
    "Assert": {"summarize": 3},
    "Assign": {"validate_shape": True},
    "AudioSummaryV2": {"max_outputs": 3},
    "BatchMatMulV2": {"adj_x": False, "adj_y": False},
    "Bitcast": {"type": tf.int32},
    "Cast": {"dtype": tf.int32},
    "CheckedRange": {"low": 0, "high": 5},
    "CheckNumerics": {"message": "bad"},
    "CountUpTo": {"limit": 1},
    "CTCBeamSearchDecoder": {"beam_width": 4, "top_paths": 1, "merge_repeated": True},
    "CTCGreedyDecoder": {"merge_repeated": True},
    "CTCLoss": {"preprocess_collapse_repeated": False, "ctc_merge_repeated": True,
                "ignore_longer_outputs_than_inputs": False},
    "DecodeCSV": {"field_delim": ",", "use_quote_delim": True, "na_value": "", "select_cols": ()},
    "DecodeImage": {"channels": 0, "dtype": tf.uint8, "animated": False},
    "DecodeRaw": {"out_type": tf.uint8, "little_endian": True},
    "DynamicPartition": {"num_partitions": 2},
    "EditDistance": {"normalize": True},
    "EncodeJpeg": {"quality": 95, "progressive": False, "optimize": False, "subsampling": 2, "dpi": (300.0, 300.0)},
    "EncodePng": {"compression": -1},
    "EnsureShape": {"shape": TensorShape([None, 3])},
    "ExclusiveCase": {"names": ("a:0", "b:0")},
    "ExtractGlimpse": {"centered": True, "normalized": True, "uniform": True, **SEEDS},
    "ImageSummary": {"max_images": 2, "bad_color": (255, 0, 0, 255)},
    "InverseRFFTWeights": {"dtype": tf.float32},
    "JoinedSparseShape": {"axis": 0, "expand": False},
    "LinearRecurrence": {"reverse": False},
    "MatMul": {"transpose_a": False, "transpose_b": False},
    "MatrixDiag": {"k": 0, "rows": -1, "columns": -1, "padding": 0},
    "MatrixTriangularSolve": {"lower": True, "adjoint": False},
    "MaxPoolWithArgmax": {**POOL, "targmax": tf.int64, "include_batch_in_index": False},
    "Multinomial": {**SEEDS, "output_dtype": tf.int64},
    "NoCase": {"names": ("a:0", "b:0")},
    "OneHot": {"axis": -1},
    "Pack": {"axis": 0},
    "Qr": {"full_matrices": False},
    "ReduceJoin": {"axes": (0,), "keep": False, "separator": ""},
    "RestoreV2": {"dtypes": (tf.float32,)},
    "ReverseSequence": {"seq_dim": 0, "batch_dim": 1},
    "SampleDistortedBoundingBoxV2": {**SEEDS, "aspect_ratio_range": (0.75, 1.33), "area_range": (0.05, 1.0),
                                     "max_attempts": 10, "use_image": False},
    "SelfAdjointEigV2": {"compute_v": True},
    "SparseToDense": {"validate": True},
    "Split": {"num_split": 3},
    "SplitV": {"num_split": 2},
    "Squeeze": {"squeeze_dims": (0,)},
    "StatelessMultinomial": {"output_dtype": tf.int64},
    "StringFormat": {"template": "{}", "placeholder": "{}", "summarize": 3},
    "StringJoin": {"separator": "-"},
    "StringLength": {"unit": "BYTE"},
    "StringSplit": {"skip_empty": True},
    "StringSplitV2": {"maxsplit": -1},
    "StringToNumber": {"out_type": tf.float32},
    "Substr": {"unit": "BYTE"},
    "SumOfNeighbours": {"radius": 2},
    "Svd": {"compute_uv": False, "full_matrices": False},
    "TopKV2": {"sorted": True},
    "Unpack": {"num": 2, "axis": 0},
    "Bucketize": {"boundaries": (0.0, 1.0)},
}  # fmt: skip

# Ops that take nothing, or what cannot be fed: see test_what_cannot_be_fed for those that can fail.
NOT_HERE = set(
    """
    Const Placeholder PlaceholderWithDefault VariableV2 SaveV2 MergeV2Checkpoints DatasetCardinality ReduceDataset
    OneShotIterator
    MakeIterator IteratorGetNext LookupTableFindV2 LookupTableSizeV2 LookupTableExportV2 QueueDequeueV2
    QueueDequeueManyV2 QueueDequeueUpToV2 QueueCloseV2 TensorArrayV3 TensorArrayReadV3 TensorArrayWriteV3
    TensorArraySizeV3 TensorArrayGatherV3 TensorArrayStackV3 TensorArrayScatterV3 TensorArrayConcatV3 ListReadOrZeros
    ListSplitLike ListDrop ListDropAll ListStackLike ListGatherLike Fused If While ToLanes FromLanes LanesConv2D
    LanesConv2DBackpropInput LanesConv2DBackpropFilter PyFunc PyFuncStateless CustomGradient PrintV2 Print ParseExample
    ParseSingleSequenceExample WriteFile FIFOQueueV2 PaddingFIFOQueueV2 PriorityQueueV2 RandomShuffleQueueV2
    AccumulatorApplyGradient AccumulatorNumAccumulated AccumulatorSetGlobalStep AccumulatorTakeGradient
    ConditionalAccumulator SparseAccumulatorApplyGradient SparseAccumulatorTakeGradient SparseConditionalAccumulator
    QueueEnqueueV2 QueueEnqueueManyV2 QueueIsClosedV2 QueueSizeV2 TFRecordReaderV2 TextLineReaderV2 IdentityReaderV2
    FixedLengthRecordReaderV2 WholeFileReaderV2 ReaderNumRecordsProducedV2 ReaderNumWorkUnitsCompletedV2 ReaderReadV2
    ReaderReadUpToV2 ReaderResetV2 LookupTableInsertV2 LookupTableRemoveV2 IteratorV2 IteratorToStringHandle ToPanels
    PanelsMatMul ListEmpty ListLengths SparseCross HashTableV2 MutableHashTableV2 InitializeTableFromTextFileV2
    MatMulBiasRelu MatMulReluGrad MatMulSumA MatMulSumB
    """.split()
)

SHAPES = ((), (1,), (3,), (0,), (2, 3), (5, 4), (0, 3), (2, 3, 4), (1, 5, 5, 2), (2, 2, 2, 3, 2))
WHOLE = (-7, -1, 0, 1, 2, 3, 100, 2**31 - 1)
TRIALS = 8


@pytest.fixture(autouse=True, scope="module")
def little_memory():
    """So that what is too large for this machine is too large for all."""
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def value(rng, dtype, shape):
    if dtype.kind in "iu":
        return np.asarray(
            rng.choice([w for w in WHOLE if np.iinfo(dtype).min <= w <= np.iinfo(dtype).max], shape), dtype
        )
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "O":
        return np.full(shape, b"ab", object)
    return np.asarray(rng.normal(size=shape), dtype)


def made(record, rng):
    """(what to fetch, feeds, initializers) of an operation of this record in the default graph."""
    chosen, feeds, starts, inputs = {}, {}, [], []
    shape = SHAPES[rng.integers(len(SHAPES))]
    wrong = rng.integers(max(len(record.args), 1))
    for i, arg in enumerate(a for a in record.args for _ in range(1 + a.variadic)):
        dtype = arg.fixed or chosen.get(arg.variable)
        if dtype is None:
            allowed = record.types.get(arg.variable, (tf.float32,))
            dtype = chosen[arg.variable] = tf.float32 if tf.float32 in allowed else allowed[0]
        own = SHAPES[rng.integers(len(SHAPES))] if i == wrong or rng.random() < 0.4 else shape
        fed = value(rng, dtype.dtype, own)
        if i in record.refs:
            v = tf.Variable(fed, validate_shape=False)
            starts.append(v.initializer)
            inputs.append(v._ref)
        else:
            inputs.append(tf.placeholder(dtype, None))
            feeds[inputs[-1]] = fed
    return record(*inputs, **ATTRS.get(record.name, {})), feeds, starts


def complaints(error, op):
    """What is missing in an error of a run, in words."""
    if not isinstance(error, GraphflowError) or isinstance(error, InternalError):
        return f"{type(error).__name__} comes out: {error}"
    text = str(error)
    wanted = [f"in {op.type} {op.name!r}, created at {op.site[0]}:{op.site[1]}", linecache.getline(*op.site).strip()]
    wanted += [f"{t.name!r}, created at {op.site[0].rpartition('/')[2]}:{t.op.site[1]}" for t in op.inputs]
    missing = [w for w in wanted if w not in text]
    frames.hide(error)
    stack = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(PACKAGE)]
    return f"without {missing}, with frames {stack}: {text}" if missing or stack else None


def outcome(backend, fetch, feeds, starts):
    with tf.Session(backend=backend) as session:
        session.run(starts)
        try:
            session.run(fetch, feeds)
        except Exception as error:
            return error
    return None


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - NOT_HERE))
def test_wrong_values(name):
    record, rng = REGISTRY[name], np.random.default_rng(zlib.crc32(name.encode()))
    wrong = []
    for _ in range(TRIALS):
        with tf.Graph().as_default():
            try:
                fetch, feeds, starts = made(record, rng)
            except GraphflowError:  # a variable has a shape when the graph is built
                continue
            op = fetch if isinstance(fetch, tf.Operation) else fetch[0].op if isinstance(fetch, list) else fetch.op
            error = outcome("reference", fetch, feeds, starts)
            if error is not None:
                shapes = [v.shape for v in feeds.values()]
                wrong.append((complaints(error, op), shapes))
                if not record.blocks and outcome("cpu", fetch, feeds, starts) is None:
                    wrong.append((f"only the reference refuses: {error}", shapes))
    assert not [w for w in wrong if w[0]]


RUNS = {
    "TensorArrayReadV3": "tf.TensorArray(tf.float32, 2, clear_after_read=False).unstack([1.0, 2.0]).read(n)",
    "TensorArrayWriteV3": "tf.TensorArray(tf.float32, 2).write(n, 1.0).flow",
    "TensorArrayGatherV3": "tf.TensorArray(tf.float32, 2).unstack([1.0, 2.0]).gather([n])",
    "TensorArrayScatterV3": "tf.TensorArray(tf.float32, 2).scatter([n], [1.0]).flow",
    "TensorArrayStackV3": "tf.TensorArray(tf.float32, 2).write(0, tf.ones([n - 3])).write(1, tf.ones([n])).stack()",
    "TensorArraySplitV3": "tf.TensorArray(tf.float32, 2, infer_shape=False).split([1.0, 2.0], [n, n]).flow",
    "AccumulatorApplyGradient": "tf.ConditionalAccumulator(tf.float32, [2]).apply_grad(tf.zeros([n]))",
    "AccumulatorTakeGradient": "tf.ConditionalAccumulator(tf.float32, [2]).take_grad(-n)",
    "QueueEnqueueV2": "tf.FIFOQueue(3, tf.float32, [2]).enqueue(tf.placeholder_with_default([1.0], None))",
    "QueueDequeueManyV2": "tf.FIFOQueue(3, tf.float32, [2]).dequeue_many(-n)",
    "IteratorGetNext": "tf.data.Dataset.from_tensors(1).filter(lambda x: x > 1).make_one_shot_iterator().get_next()",
    "PyFunc": "tf.py_func(lambda x: x.astype('int64'), [1.0], tf.float32)",
    "GatherV2": "tf.cond(n > 1, lambda: tf.gather([1, 2], n), lambda: 0)",
    "Reshape": "tf.while_loop(lambda i: i < 3, lambda i: i + tf.reshape([i, i], [n])[0], [0])",
    "ParseExample": "tf.parse_example([b'cut off'], {'a': tf.FixedLenFeature([], tf.int64)})['a']",
    "ReadFile": "tf.read_file('no/such/file')",
    "ReaderReadV2": "tf.TextLineReader().read(tf.train.string_input_producer(['no/such/file'], num_epochs=1))[1]",
}  # fmt: skip


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("kind", RUNS)
def test_what_cannot_be_fed(kind, backend):
    with tf.Graph().as_default(), tf.Session(backend=backend) as session:
        n = tf.placeholder(tf.int32, [], name="n")
        fetch = eval(RUNS[kind], {"tf": tf, "n": n})
        session.run([tf.local_variables_initializer(), tf.tables_initializer()])
        threads = tf.train.start_queue_runners(session)
        with pytest.raises(GraphflowError) as caught:
            session.run(fetch, {n: 5})
        frames.hide(caught.value)
        for thread in threads:
            thread.join(5)
    text = str(caught.value)
    assert f"in {kind} '" in text and "created at <string>:1" in text, text
    assert not [f for f in traceback.extract_tb(caught.value.__traceback__) if f.filename.startswith(PACKAGE)]
