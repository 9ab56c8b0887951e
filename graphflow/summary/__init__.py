"""`tf.summary`: what TensorBoard shows of a run."""

from graphflow.protos import RunMetadata
from graphflow.summary import projector
from graphflow.summary.events import summary_iterator
from graphflow.summary.functions import audio, histogram, image, merge, merge_all, scalar, tensor_summary, text
from graphflow.summary.writer import FileWriter, FileWriterCache
from graphflow.summary_protos import (
    Event,
    HistogramProto,
    SessionLog,
    Summary,
    SummaryDescription,
    SummaryMetadata,
    TaggedRunMetadata,
)

__all__ = [
    "Event", "FileWriter", "FileWriterCache", "HistogramProto", "RunMetadata", "SessionLog", "Summary",
    "SummaryDescription", "SummaryMetadata", "TaggedRunMetadata", "audio", "histogram", "image", "merge", "merge_all",
    "projector",
    "scalar", "summary_iterator", "tensor_summary", "text",
]  # fmt: skip
