"""`tf.strings`: re-exports and nothing else."""

from graphflow.ops.printing import format
from graphflow.ops.string_numbers import as_string
from graphflow.ops.string_numbers import string_to_number as to_number
from graphflow.ops.string_pieces import reduce_join
from graphflow.ops.string_pieces import string_join as join
from graphflow.ops.string_pieces import strings_split as split
from graphflow.ops.strings import regex_full_match, regex_replace, substr
from graphflow.ops.strings import string_length as length
from graphflow.ops.strings import string_lower as lower
from graphflow.ops.strings import string_strip as strip
from graphflow.ops.strings import string_to_hash_bucket as to_hash_bucket
from graphflow.ops.strings import string_to_hash_bucket_fast as to_hash_bucket_fast
from graphflow.ops.strings import string_to_hash_bucket_strong as to_hash_bucket_strong
from graphflow.ops.strings import string_upper as upper
