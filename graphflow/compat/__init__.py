"""`tf.compat`: text helpers of TensorFlow 1; beside them, what lets its programs run as they are."""

from graphflow.compat.text import as_bytes, as_str, as_str_any, as_text, bytes_or_text_types, dimension_value
