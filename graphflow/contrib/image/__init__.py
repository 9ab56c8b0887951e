"""`tf.contrib.image`: re-exports and nothing else."""

from graphflow.contrib.image.transforms import (
    angles_to_projective_transforms,
    compose_transforms,
    flat_transforms_to_matrices,
    matrices_to_flat_transforms,
    rotate,
    transform,
    translate,
    translations_to_projective_transforms,
)
from graphflow.contrib.image.warps import dense_image_warp, interpolate_spline, sparse_image_warp
