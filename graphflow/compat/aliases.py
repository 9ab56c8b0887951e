"""Other names of what graphflow has, by public module: `name` is the same as `tf.name`, `name=path` as `tf.path`.

What a module has itself is not looked up here.  A module of this table that graphflow has no file for consists of its
line; an empty line makes the module known, so that `tf.module.name` can say what is missing.
"""

from __future__ import annotations

# Modules that are imported when they are first used.
LATE_MODULES = (
    "app",
    "flags",
    "gfile",
    "logging",
    "nest",
    "resource_loader",
    "test",
    "compat.device_lib",
    "compat.input_data",
)

_CELLS = (
    "BasicRNNCell BasicLSTMCell LSTMCell GRUCell MultiRNNCell LSTMStateTuple DropoutWrapper ResidualWrapper "
    "DeviceWrapper RNNCell"
)


def _same(names: str, path: str) -> str:
    return " ".join(f"{name}={path}.{name}" for name in names.split())


_LINES: dict[str, str] = {
    "": "OpError=errors.OpError dimension_value=compat.dimension_value",
    "bitwise": "",
    "compat": "",
    "contrib": "",
    "contrib.data": _same("ignore_errors map_and_batch shuffle_and_repeat unbatch", "data.experimental"),
    "contrib.framework": """
        nest
        get_global_step=train.get_global_step get_or_create_global_step=train.get_or_create_global_step
        create_global_step=train.create_global_step assert_global_step=train.assert_global_step
        is_tensor list_variables=train.list_variables load_variable=train.load_variable
        load_checkpoint=train.load_checkpoint init_from_checkpoint=train.init_from_checkpoint
        assert_scalar sort argsort""",
    "contrib.layers": "",
    "contrib.learn": "",
    "contrib.learn.datasets": "mnist=compat.input_data",
    "contrib.legacy_seq2seq": "",
    "contrib.lookup": "HashTable=lookup.StaticHashTable KeyValueTensorInitializer=lookup.KeyValueTensorInitializer",
    "contrib.losses": "",
    "contrib.metrics": "",
    "contrib.opt": "",
    "contrib.rnn": _same(_CELLS, "nn.rnn_cell")
    + " static_rnn=nn.static_rnn static_bidirectional_rnn=nn.static_bidirectional_rnn",
    "contrib.seq2seq": "",
    "contrib.slim": "",
    "contrib.training": "",
    "contrib.util": "constant_value=get_static_value make_tensor_proto make_ndarray",
    "data": "",
    "debugging": """
        Assert assert_all_finite=verify_tensor_all_finite assert_equal assert_greater assert_greater_equal
        assert_integer assert_less assert_less_equal assert_near assert_negative assert_non_negative
        assert_non_positive assert_none_equal assert_positive assert_proper_iterable assert_rank assert_rank_at_least
        assert_rank_in assert_same_float_dtype assert_scalar assert_type check_numerics is_finite is_inf is_nan
        is_non_decreasing is_numeric_tensor is_strictly_increasing""",
    "distributions": "",
    "dtypes": """
        as_string bfloat16 bool cast complex saturate_cast""",
    "errors": "",
    "estimator": "",
    "estimator.inputs": "",
    "graph_util": "",
    "image": "random_crop extract_image_patches",
    "initializers": """
        constant=constant_initializer glorot_normal=glorot_normal_initializer glorot_uniform=glorot_uniform_initializer
        global_variables=global_variables_initializer local_variables=local_variables_initializer
        ones=ones_initializer orthogonal=orthogonal_initializer random_normal=random_normal_initializer
        random_uniform=random_uniform_initializer tables_initializer truncated_normal=truncated_normal_initializer
        uniform_unit_scaling=uniform_unit_scaling_initializer variables=variables_initializer
        variance_scaling=variance_scaling_initializer zeros=zeros_initializer""",
    "io": """
        FixedLenFeature FixedLenSequenceFeature PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue
        TFRecordCompressionType=python_io.TFRecordCompressionType TFRecordOptions=python_io.TFRecordOptions
        TFRecordWriter=python_io.TFRecordWriter tf_record_iterator=python_io.tf_record_iterator VarLenFeature
        decode_bmp=image.decode_bmp decode_csv decode_gif=image.decode_gif decode_image=image.decode_image
        decode_jpeg=image.decode_jpeg decode_png=image.decode_png decode_raw encode_jpeg=image.encode_jpeg
        match_filenames_once=train.match_filenames_once matching_files parse_example parse_single_example
        parse_single_sequence_example read_file write_file write_graph=train.write_graph""",
    "io.gfile": """
        GFile=gfile.GFile copy=gfile.Copy exists=gfile.Exists glob=gfile.Glob isdir=gfile.IsDirectory
        listdir=gfile.ListDirectory makedirs=gfile.MakeDirs mkdir=gfile.MkDir remove=gfile.Remove
        rename=gfile.Rename rmtree=gfile.DeleteRecursively stat=gfile.Stat walk=gfile.Walk""",
    "layers": "",
    "linalg": """
        band_part=matrix_band_part cholesky cholesky_solve cross det=matrix_determinant diag=matrix_diag
        diag_part=matrix_diag_part eigh=self_adjoint_eig eigvalsh=self_adjoint_eigvals einsum eye global_norm
        inv=matrix_inverse l2_normalize=nn.l2_normalize lstsq=matrix_solve_ls matmul matrix_transpose
        norm qr set_diag=matrix_set_diag solve=matrix_solve svd tensor_diag=diag tensor_diag_part=diag_part
        tensordot trace transpose=matrix_transpose triangular_solve=matrix_triangular_solve""",
    "lookup": "",
    "losses": "",
    "manip": "batch_to_space_nd gather_nd reshape reverse roll scatter_nd space_to_batch_nd tile",
    "math": """
        bincount confusion_matrix count_nonzero divide_no_nan=div_no_nan in_top_k=nn.in_top_k
        is_non_decreasing is_strictly_increasing l2_normalize=nn.l2_normalize lbeta log_softmax=nn.log_softmax
        segment_max segment_mean segment_min segment_prod segment_sum softmax=nn.softmax
        top_k=nn.top_k unsorted_segment_max unsorted_segment_mean unsorted_segment_min
        unsorted_segment_prod unsorted_segment_sqrt_n unsorted_segment_sum zero_fraction=nn.zero_fraction""",
    "metrics": "",
    "nn": "",
    "nn.rnn_cell": "",
    "python_io": "",
    "queue": "FIFOQueue PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue",
    "random": """
        log_uniform_candidate_sampler=nn.log_uniform_candidate_sampler
        uniform_candidate_sampler=nn.uniform_candidate_sampler""",
    "saved_model": "",
    "saved_model.builder": "",
    "saved_model.loader": "",
    "saved_model.signature_def_utils": "",
    "saved_model.utils": "",
    "signal": """
        fft ifft fft2d ifft2d rfft=spectral.rfft irfft=spectral.irfft""",
    "sparse": """
        SparseTensor add=sparse_add concat=sparse_concat fill_empty_rows=sparse_fill_empty_rows mask=sparse_mask
        matmul=sparse_tensor_dense_matmul maximum=sparse_maximum minimum=sparse_minimum placeholder=sparse_placeholder
        reduce_max=sparse_reduce_max reduce_sum=sparse_reduce_sum reorder=sparse_reorder
        reset_shape=sparse_reset_shape reshape=sparse_reshape retain=sparse_retain segment_mean=sparse_segment_mean
        segment_sqrt_n=sparse_segment_sqrt_n segment_sum=sparse_segment_sum slice=sparse_slice softmax=sparse_softmax
        sparse_dense_matmul=sparse_tensor_dense_matmul split=sparse_split to_dense=sparse_tensor_to_dense
        to_indicator=sparse_to_indicator transpose=sparse_transpose""",
    "spectral": "fft ifft fft2d ifft2d",
    "strings": """
        as_string join=string_join reduce_join regex_replace split=string_split strip=string_strip substr
        to_hash_bucket=string_to_hash_bucket to_hash_bucket_fast=string_to_hash_bucket_fast
        to_hash_bucket_strong=string_to_hash_bucket_strong to_number=string_to_number""",
    "summary": "",
    "train": "",
    "train.queue_runner": _same("QueueRunner add_queue_runner start_queue_runners", "train"),
}


def _parsed(line: str) -> dict[str, str]:
    return {name: path or name for name, _, path in (word.partition("=") for word in line.split())}


ALIASES: dict[str, dict[str, str]] = {path: _parsed(line) for path, line in _LINES.items()}
