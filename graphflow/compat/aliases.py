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
    "compat.freeze_graph",
    "compat.mnist",
    "compat.input_data",
    "compat.inside",
    "compat.timeline",
    "contrib.distributions",
    "contrib.distributions.bijectors",
    "contrib.image",
    "contrib.slim_training",
)


def _same(names: str, path: str) -> str:
    return " ".join(f"{name}={path}.{name}" for name in names.split())


_LINES: dict[str, str] = {
    "": "OpError=errors.OpError dimension_value=compat.dimension_value",
    "bitwise": "",
    "compat": "",
    "contrib": "",
    "contrib.crf": "",
    "contrib.data": _same(
        "Counter CsvDataset bucket_by_sequence_length choose_from_datasets enumerate_dataset group_by_window "
        "ignore_errors make_csv_dataset map_and_batch parallel_interleave sample_from_datasets shuffle_and_repeat "
        "unbatch unique",
        "data.experimental",
    )
    + " padded_batch_and_drop_remainder=data.experimental.padded_batch_and_drop_remainder"
    + " batch_and_drop_remainder=data.experimental.batch_and_drop_remainder",
    "contrib.distributions.bijectors": "",
    "contrib.distributions": "",
    "contrib.feature_column": _same(
        "sequence_categorical_column_with_hash_bucket sequence_categorical_column_with_identity sequence_input_layer "
        "sequence_categorical_column_with_vocabulary_file sequence_categorical_column_with_vocabulary_list "
        "sequence_numeric_column",
        "feature_column.sequences",
    ),
    "contrib.framework": """
        nest is_tensor list_variables=train.list_variables load_variable=train.load_variable
        load_checkpoint=train.load_checkpoint init_from_checkpoint=train.init_from_checkpoint
        assert_scalar sort argsort""",
    "contrib.image": "",
    "contrib.layers": "",
    "contrib.learn": "",
    "contrib.learn.datasets": "mnist=compat.input_data load_dataset=compat.input_data.load_dataset",
    "contrib.learn.preprocessing": "",
    "contrib.legacy_seq2seq": "",
    "contrib.linalg": "LinearOperatorTriL=linalg.LinearOperatorLowerTriangular "
    + _same(
        "LinearOperator LinearOperatorDiag LinearOperatorFullMatrix LinearOperatorIdentity "
        "LinearOperatorLowerTriangular",
        "linalg",
    ),
    "contrib.lookup": "",
    "contrib.losses": "",
    "contrib.losses.metric_learning": "",
    "contrib.metrics": _same("set_difference set_intersection set_size set_union", "sets"),
    "contrib.opt": "",
    "contrib.predictor": "from_saved_model=saved_model.predictor.from_saved_model",
    "contrib.rnn": "",
    "contrib.seq2seq": "",
    "contrib.signal": _same(
        "frame hamming_window hann_window inverse_stft linear_to_mel_weight_matrix mfccs_from_log_mel_spectrograms "
        "overlap_and_add stft",
        "signal",
    ),
    "contrib.slim.evaluation": _same("evaluate_once evaluation_loop", "contrib.slim_training")
    + " "
    + _same("checkpoints_iterator wait_for_new_checkpoint", "contrib.training"),
    "contrib.slim.learning": _same("train train_step", "contrib.slim_training"),
    "contrib.slim": "initializers=contrib.layers regularizers=contrib.layers",
    "contrib.stateless": "stateless_multinomial=random.stateless_multinomial "
    "stateless_random_normal=random.stateless_normal stateless_random_uniform=random.stateless_uniform "
    "stateless_truncated_normal=random.stateless_truncated_normal",
    "contrib.tensorboard": "",
    "contrib.tensorboard.plugins": "",
    "contrib.tensorboard.plugins.projector": _same(
        "EmbeddingInfo ProjectorConfig SpriteMetadata visualize_embeddings", "summary.projector"
    ),
    "contrib.tpu": _same(
        "CrossShardOptimizer InputPipelineConfig RunConfig TPUConfig TPUEstimator TPUEstimatorSpec", "estimator.tpu"
    ),
    "contrib.training": "",
    "contrib.util": "constant_value=get_static_value make_tensor_proto make_ndarray MakeNdarray=make_ndarray",
    "data": "",
    "data.experimental": "CheckpointInputPipelineHook=train.CheckpointInputPipelineHook",
    "debugging": "",
    "distributions": "",
    "dtypes": """
        as_string bfloat16 bool cast complex saturate_cast""",
    "errors": "",
    "estimator": "",
    "feature_column": "",
    "estimator.export": "",
    "estimator.inputs": "",
    "estimator.tpu": "",
    "graph_util": "",
    "image": "",
    "initializers": """
        constant=constant_initializer glorot_normal=glorot_normal_initializer glorot_uniform=glorot_uniform_initializer
        global_variables=global_variables_initializer local_variables=local_variables_initializer
        ones=ones_initializer orthogonal=orthogonal_initializer random_normal=random_normal_initializer
        random_uniform=random_uniform_initializer truncated_normal=truncated_normal_initializer
        uniform_unit_scaling=uniform_unit_scaling_initializer variables=variables_initializer
        variance_scaling=variance_scaling_initializer zeros=zeros_initializer""",
    "io": """
        FixedLenFeature FixedLenSequenceFeature PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue
        TFRecordCompressionType=python_io.TFRecordCompressionType TFRecordOptions=python_io.TFRecordOptions
        TFRecordWriter=python_io.TFRecordWriter tf_record_iterator=python_io.tf_record_iterator VarLenFeature
        decode_bmp=image.decode_bmp decode_csv decode_gif=image.decode_gif decode_image=image.decode_image
        decode_jpeg=image.decode_jpeg decode_png=image.decode_png decode_base64 decode_raw
        encode_base64 encode_jpeg=image.encode_jpeg
        match_filenames_once=train.match_filenames_once matching_files parse_example parse_single_example
        parse_single_sequence_example read_file write_file write_graph=train.write_graph""",
    "io.gfile": """
        GFile=gfile.GFile copy=gfile.Copy exists=gfile.Exists glob=gfile.Glob isdir=gfile.IsDirectory
        listdir=gfile.ListDirectory makedirs=gfile.MakeDirs mkdir=gfile.MkDir remove=gfile.Remove
        rename=gfile.Rename rmtree=gfile.DeleteRecursively stat=gfile.Stat walk=gfile.Walk""",
    "keras": "",
    "keras.layers": "",
    "layers": "",
    "linalg": "",
    "lookup": "",
    "losses": "",
    "manip": "",
    "math": "",
    "metrics": "",
    "nn": "",
    "nn.rnn_cell": "",
    "python_io": "",
    "queue": "FIFOQueue PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue",
    "random": "",
    "saved_model": " ".join(
        (
            _same(
                "CLASSIFY_INPUTS CLASSIFY_METHOD_NAME CLASSIFY_OUTPUT_CLASSES CLASSIFY_OUTPUT_SCORES PREDICT_INPUTS "
                "DEFAULT_SERVING_SIGNATURE_DEF_KEY PREDICT_METHOD_NAME PREDICT_OUTPUTS REGRESS_INPUTS "
                "REGRESS_METHOD_NAME REGRESS_OUTPUTS",
                "saved_model.signature_constants",
            ),
            _same("GPU SERVING TPU TRAINING", "saved_model.tag_constants"),
            _same("main_op_with_restore", "saved_model.main_op"),
        )
    ),
    "saved_model.builder": "",
    "saved_model.loader": "",
    "saved_model.main_op": "",
    "saved_model.signature_def_utils": "",
    "saved_model.utils": "",
    "sets": "",
    "signal": "",
    "sparse": "SparseConditionalAccumulator",
    "spectral": "",
    "strings": "",
    "summary": "",
    "tpu": "CrossShardOptimizer=estimator.tpu.CrossShardOptimizer",
    "train": "",
    "train.queue_runner": _same("QueueRunner add_queue_runner start_queue_runners", "train"),
}


def _parsed(line: str) -> dict[str, str]:
    return {name: path or name for name, _, path in (word.partition("=") for word in line.split())}


ALIASES: dict[str, dict[str, str]] = {path: _parsed(line) for path, line in _LINES.items()}
