"""The messages of event files: summaries and what else happens in a run."""

from __future__ import annotations

from graphflow.graph_protos import TensorProto
from graphflow.io.fields import Field
from graphflow.io.protobuf import Message
from graphflow.io.scalars import Enum


class HistogramProto(Message):
    """How many values lie below each limit and not below the one before it."""

    min = Field(1, "double")
    max = Field(2, "double")
    num = Field(3, "double")
    sum = Field(4, "double")
    sum_squares = Field(5, "double")
    bucket_limit = Field(6, "double", repeated=True)
    bucket = Field(7, "double", repeated=True)


class SummaryMetadata(Message):
    """Which part of TensorBoard shows a summary."""

    class PluginData(Message):
        """The part by name, and bytes for it."""

        plugin_name = Field(1, "string")
        content = Field(2, "bytes")

    plugin_data = Field(1, PluginData)
    display_name = Field(2, "string")
    summary_description = Field(3, "string")


class SummaryImage(Message):
    """A PNG file; colorspace is its number of channels."""

    height = Field(1, "int32")
    width = Field(2, "int32")
    colorspace = Field(3, "int32")
    encoded_image_string = Field(4, "bytes")


class SummaryAudio(Message):
    """A WAV file."""

    sample_rate = Field(1, "float")
    num_channels = Field(2, "int64")
    length_frames = Field(3, "int64")
    encoded_audio_string = Field(4, "bytes")
    content_type = Field(5, "string")


class Summary(Message):
    """Values by tag: `Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])`."""

    Image, Audio = SummaryImage, SummaryAudio

    class Value(Message):
        """A value with its tag."""

        tag = Field(1, "string")
        simple_value = Field(2, "float", oneof="value")
        image = Field(4, SummaryImage, oneof="value")
        histo = Field(5, HistogramProto, oneof="value")
        audio = Field(6, SummaryAudio, oneof="value")
        node_name = Field(7, "string")
        tensor = Field(8, TensorProto, oneof="value")
        metadata = Field(9, SummaryMetadata)

    value = Field(1, Value, repeated=True)


class SummaryDescription(Message):
    """What a summary op says of itself."""

    type_hint = Field(1, "string")


class LogMessage(Message):
    """A line of a log."""

    UNKNOWN, DEBUGGING, INFO, WARN, ERROR, FATAL = 0, 10, 20, 30, 40, 50
    level = Field(1, Enum(UNKNOWN=0, DEBUGGING=10, INFO=20, WARN=30, ERROR=40, FATAL=50))
    message = Field(2, "string")


class SessionLog(Message):
    """That a session started, stopped or wrote a checkpoint."""

    STATUS_UNSPECIFIED, START, STOP, CHECKPOINT = range(4)
    status = Field(1, Enum(STATUS_UNSPECIFIED=0, START=1, STOP=2, CHECKPOINT=3))
    checkpoint_path = Field(2, "string")
    msg = Field(3, "string")


class TaggedRunMetadata(Message):
    """The serialized RunMetadata of one run."""

    tag = Field(1, "string")
    run_metadata = Field(2, "bytes")


class Event(Message):
    """One entry of an event file: when, in which step, and what."""

    wall_time = Field(1, "double")
    step = Field(2, "int64")
    file_version = Field(3, "string", oneof="what")
    graph_def = Field(4, "bytes", oneof="what")
    summary = Field(5, Summary, oneof="what")
    log_message = Field(6, LogMessage, oneof="what")
    session_log = Field(7, SessionLog, oneof="what")
    tagged_run_metadata = Field(8, TaggedRunMetadata, oneof="what")
    meta_graph_def = Field(9, "bytes", oneof="what")
