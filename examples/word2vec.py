"""word2vec: words become vectors, close to each other where they stand among the same other words.

    python examples/word2vec.py [--steps 20000] [--seed 0] [--out pictures]

The text is Python's own language reference, 65,000 words that come with Python.  Skip-gram: a word has to tell words
near it from words drawn at random (noise-contrastive estimation).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import gallery
import numpy as np
from char_rnn import reference

import graphflow as tf

WORDS, SIZE, WINDOW, BATCH, NOISE = 1000, 64, 3, 256, 32
ASKED = ["list", "class", "string", "raised", "returns", "integer", "import", "key", "false", "two"]


def pairs(text: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches (words, a word near each of them); -1 in the text is a word outside of the vocabulary."""
    while True:
        at = rng.integers(WINDOW, len(text) - WINDOW, 2 * BATCH)
        near = at + rng.choice([step for step in range(-WINDOW, WINDOW + 1) if step], 2 * BATCH)
        known = (text[at] >= 0) & (text[near] >= 0)
        if known.sum() >= BATCH:
            yield text[at][known][:BATCH], text[near][known][:BATCH]


def main(arguments: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Train, print the nearest words of some, draw them; gives the nearest words."""
    options = gallery.parser(__doc__, steps=20_000).parse_args(arguments)
    text = re.findall(r"[a-z]+", reference().lower())
    counts = Counter(text).most_common(WORDS)
    vocabulary = {word: i for i, (word, _) in enumerate(counts)}  # common ones first, as the sampler expects
    words = list(vocabulary)
    # Very common words ("the") say little about their neighbours: most of them are left out.
    rng = np.random.default_rng(options.seed)
    share = dict(counts)
    text = [word for word in text if word not in share or rng.random() < (1e-3 * len(text) / share[word]) ** 0.5]
    numbers = np.array([vocabulary.get(word, -1) for word in text])

    tf.set_random_seed(options.seed)
    word = tf.placeholder(tf.int32, [BATCH])
    near = tf.placeholder(tf.int64, [BATCH, 1])
    vectors = tf.Variable(tf.random_uniform([WORDS, SIZE], -1, 1))
    out = tf.Variable(tf.truncated_normal([WORDS, SIZE], stddev=SIZE**-0.5))
    bias = tf.Variable(tf.zeros([WORDS]))
    loss = tf.reduce_mean(tf.nn.nce_loss(out, bias, near, tf.nn.embedding_lookup(vectors, word), NOISE, WORDS))
    train = tf.train.AdagradOptimizer(0.5).minimize(loss)

    normal = tf.nn.l2_normalize(vectors - tf.reduce_mean(vectors, 0), 1)
    asked = tf.placeholder(tf.int32, [None])
    nearness, nearest = tf.nn.top_k(tf.matmul(tf.gather(normal, asked), normal, transpose_b=True), 7)

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches, losses = pairs(numbers, rng), []
        for _ in gallery.progress(options.steps):
            these, those = next(batches)
            losses.append(session.run([loss, train], {word: these, near: those[:, None]})[0])
        questions = [w for w in ASKED if w in vocabulary]
        near_by, rows = session.run([nearness, nearest], {asked: [vocabulary[w] for w in questions]})

    found = {w: [words[i] for i in row[1:]] for w, row in zip(questions, rows, strict=True)}
    print(f"loss {np.mean(losses[:200]):.3f} at first, {np.mean(losses[-200:]):.3f} at the end")
    for asked_word, others in found.items():
        print(f"{asked_word:>10}: {', '.join(others)}")
    gallery.picture(options.out / "word2vec.png", draw, found, near_by[:, 1:], size=(12, 4.5))
    return found


def draw(figure, found: dict[str, list[str]], nearness: np.ndarray) -> None:
    panels = figure.subplots(2, 5, sharex=True).flat
    for axes, (word, others), cosines in zip(panels, found.items(), nearness, strict=False):
        axes.barh(others[::-1], cosines[::-1], color="lightsteelblue")
        axes.set_title(word)
    figure.supxlabel("cosine of the angle between the vectors of two words")


if __name__ == "__main__":
    main()
