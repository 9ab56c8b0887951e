"""`tf.saved_model.tag_constants`: what a graph is good for."""

SERVING = "serve"
TRAINING = "train"
EVAL = "eval"
GPU = "gpu"
TPU = "tpu"
