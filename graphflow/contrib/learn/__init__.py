"""`tf.contrib.learn`: what turns texts into numbers; re-exports and nothing else."""

from graphflow.contrib.learn import preprocessing
