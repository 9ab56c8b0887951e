"""`tf.contrib.losses.metric_learning`: losses of embeddings, which bring those of one label together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import float32
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.arrange import matrix_transpose, transpose
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.compare import equal, logical_and, logical_not
from graphflow.ops.cross_entropy import softmax_cross_entropy_with_logits
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.diagonal import matrix_diag
from graphflow.ops.division import truediv
from graphflow.ops.join import stack
from graphflow.ops.linalg import matmul
from graphflow.ops.math import exp, log, sqrt, square
from graphflow.ops.printing import Print
from graphflow.ops.reduce import reduce_any, reduce_max, reduce_mean, reduce_min, reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import expand_dims
from graphflow.ops.sparse.math import sparse_minimum, sparse_reduce_sum
from graphflow.ops.sparse.tensor import SparseTensor

__all__ = [
    "contrastive_loss", "lifted_struct_loss", "npairs_loss", "npairs_loss_multilabel", "triplet_semihard_loss",
]  # fmt: skip


def _pairwise(embeddings: Tensor, squared: bool) -> Tensor:
    """[n, n]: the distances of all pairs, exactly 0 on the diagonal, with gradients that are finite."""
    sizes = reduce_sum(square(embeddings), 1, keepdims=True)
    distances = maximum(sizes + transpose(sizes) - 2.0 * matmul(embeddings, embeddings, transpose_b=True), 0.0)
    same = distances <= 0.0
    if not squared:
        distances = sqrt(distances + cast(same, float32) * 1e-16)
    distances = distances * cast(logical_not(same), float32)
    return distances * _off_diagonal(distances)


def _off_diagonal(square_matrix: Tensor) -> Tensor:
    return ones_like(square_matrix) - matrix_diag(ones_like(square_matrix[:, 0]))


def _same_label(labels: Any) -> Tensor:
    """[n, n]: which pairs have one label.   Raises: ValueError when labels are no vector."""
    vector = convert_to_tensor(labels, name="labels")
    if vector.dims is None or len(vector.dims) != 1:
        raise ShapeError(f"labels must be a vector, and have the shape {vector.shape}")
    return equal(expand_dims(vector, 1), expand_dims(vector, 0))


def _largest(values: Tensor, mask: Tensor, axis: int) -> Tensor:
    """Of those that the mask has; of none, the least of all."""
    least = reduce_min(values, axis, keepdims=True)
    return reduce_max((values - least) * mask, axis, keepdims=True) + least


def _least(values: Tensor, mask: Tensor, axis: int) -> Tensor:
    most = reduce_max(values, axis, keepdims=True)
    return reduce_min((values - most) * mask, axis, keepdims=True) + most


def contrastive_loss(labels: Any, embeddings_anchor: Any, embeddings_positive: Any, margin: float = 1.0) -> Tensor:
    """The mean of d^2 of pairs whose label is 1, of max(margin - d, 0)^2 of those whose label is 0.

    Shapes: labels [n], embeddings [n, size] -> [].   Gradient: embeddings.
    Source: Hadsell et al., "Dimensionality reduction by learning an invariant mapping" (2006).
    """
    apart = convert_to_tensor(embeddings_anchor) - embeddings_positive
    distances = sqrt(reduce_sum(square(apart), 1))
    together = cast(labels, distances.dtype)
    far = (1.0 - together) * square(maximum(margin - distances, 0.0))
    return reduce_mean(together * square(distances) + far, name="contrastive_loss")


def triplet_semihard_loss(labels: Any, embeddings: Any, margin: float = 1.0) -> Tensor:
    """The mean, over pairs of one label, of max(margin + d(pair)^2 - d(negative)^2, 0).

    The negative is the nearest one that is farther away than the pair, or else the farthest one.
    Shapes: labels [n], embeddings [n, size] -> [].   Cost: n^3.   Gradient: embeddings.
    Source: Schroff et al., "FaceNet" (2015).
    """
    same = _same_label(labels)
    distances = _pairwise(convert_to_tensor(embeddings), squared=True)
    other = logical_not(same)
    # [anchor, positive, negative]
    farther = logical_and(expand_dims(other, 1), expand_dims(distances, 1) > expand_dims(distances, 2))
    spread = expand_dims(distances, 1) + 0.0 * cast(farther, float32)
    outside = _least(spread, cast(farther, float32), 2)[..., 0]
    inside = _largest(distances, cast(other, float32), 1)
    negatives = where_v2(reduce_any(farther, 2), outside, inside)
    pairs = cast(same, float32) - matrix_diag(ones_like(distances[:, 0]))
    losses = maximum((margin + distances - negatives) * pairs, 0.0)
    return truediv(reduce_sum(losses), reduce_sum(pairs), name="triplet_semihard_loss")


def lifted_struct_loss(labels: Any, embeddings: Any, margin: float = 1.0) -> Tensor:
    """The mean, over pairs of one label, of half the square of max(d + log(sum of exp(margin - d(negatives))), 0).

    Shapes: labels [n], embeddings [n, size] -> [].   Gradient: embeddings.
    Source: Song et al., "Deep metric learning via lifted structured feature embedding" (2016).
    """
    same = _same_label(labels)
    distances = _pairwise(convert_to_tensor(embeddings), squared=False)
    mask = cast(logical_not(same), float32)
    nearness = margin - distances
    rows = _largest(nearness, mask, 1)
    most = maximum(rows, transpose(rows))
    left = reduce_sum(exp(expand_dims(nearness, 1) - expand_dims(most, 2)) * expand_dims(mask, 1), 2)
    losses = most + log(left + matrix_transpose(left)) + distances
    pairs = cast(same, float32) - matrix_diag(ones_like(distances[:, 0]))
    total = reduce_sum(square(maximum(losses * pairs, 0.0)))
    return truediv(0.25 * total, reduce_sum(pairs) / 2.0, name="liftedstruct_loss")


def _npairs(adjacency: Tensor, anchor: Any, positive: Any, reg_lambda: float, print_losses: bool) -> Tensor:
    anchor, positive = convert_to_tensor(anchor), convert_to_tensor(positive)
    sizes = [reduce_mean(reduce_sum(square(t), 1)) for t in (anchor, positive)]
    l2loss = 0.25 * reg_lambda * (sizes[0] + sizes[1])
    similarity = matmul(anchor, positive, transpose_b=True)
    targets = adjacency / reduce_sum(adjacency, 1, keepdims=True)
    entropy = softmax_cross_entropy_with_logits(logits=similarity, labels=targets)
    entropy = reduce_mean(entropy, name="xentropy")
    if print_losses:
        entropy = Print(entropy, ["cross entropy:", entropy, "l2loss:", l2loss])
    return l2loss + entropy


def npairs_loss(
    labels: Any, embeddings_anchor: Any, embeddings_positive: Any, reg_lambda: float = 0.002,
    print_losses: bool = False,
) -> Tensor:  # fmt: skip
    """The cross-entropy of which positive an anchor is most like, and reg_lambda / 4 of the embeddings' norms.

    Shapes: labels [n], embeddings [n, size] -> [].   Gradient: embeddings.
    Source: Sohn, "Improved deep metric learning with multi-class n-pair loss objective" (2016).
    """
    same = cast(_same_label(labels), float32)
    return _npairs(same, embeddings_anchor, embeddings_positive, reg_lambda, print_losses)


def npairs_loss_multilabel(
    sparse_labels: Sequence[SparseTensor], embeddings_anchor: Any, embeddings_positive: Any,
    reg_lambda: float = 0.002, print_losses: bool = False,
) -> Tensor:  # fmt: skip
    """npairs_loss of pairs that have several labels: how many two pairs share is how much they belong together.

    sparse_labels   a SparseTensor of 0 and 1 for each pair.   Raises: TypeError for another list.
    """
    if not all(isinstance(s, SparseTensor) for s in sparse_labels):
        raise TypeError(f"sparse_labels must be a list of SparseTensors, not {sparse_labels!r}")
    with name_scope("NpairsLossMultiLabel"):
        shared = [
            [cast(sparse_reduce_sum(sparse_minimum(a, b)), float32) for b in sparse_labels] for a in sparse_labels
        ]
        adjacency = cast(stack([stack(row) for row in shared]), float32)
        return _npairs(adjacency, embeddings_anchor, embeddings_positive, reg_lambda, print_losses)
