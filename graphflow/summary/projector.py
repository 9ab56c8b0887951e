"""Settings of TensorBoard's embedding projector, `tf.contrib.tensorboard.plugins.projector`."""

from __future__ import annotations

import os

from graphflow.io.atomic import replacing
from graphflow.io.fields import Field
from graphflow.io.protobuf import Message
from graphflow.summary.writer import FileWriter


class SpriteMetadata(Message):
    """A picture with the small images of all points."""

    image_path = Field(1, "string")
    single_image_dim = Field(2, "uint32", repeated=True)


class EmbeddingInfo(Message):
    """Which tensor has the points, and which file their labels."""

    tensor_name = Field(1, "string")
    metadata_path = Field(2, "string")
    bookmarks_path = Field(3, "string")
    tensor_shape = Field(4, "uint32", repeated=True)
    sprite = Field(5, SpriteMetadata)
    tensor_path = Field(6, "string")


class ProjectorConfig(Message):
    """The embeddings to show, and the checkpoint that has them."""

    model_checkpoint_path = Field(1, "string")
    embeddings = Field(2, EmbeddingInfo, repeated=True)
    model_checkpoint_dir = Field(3, "string")


def visualize_embeddings(summary_writer: FileWriter, config: ProjectorConfig) -> None:
    """Write `projector_config.pbtxt` into the folder of the writer, where TensorBoard looks for it."""
    path = os.path.join(summary_writer.get_logdir(), "projector_config.pbtxt")
    with replacing(path) as file:
        file.write(str(config).encode())
