"""A network of LSTM cells that learns to write like a text, character by character, and then writes.

python examples/characters.py                            # learns from the README beside the examples
python examples/characters.py --text FILE --steps 2000
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import graphflow as tf

README = Path(__file__).resolve().parents[1] / "README.md"


def model(batch: int | None, size: int, units: int, layers: int):
    """(characters [batch, time], initial state, final state, logits [batch, time, size])."""
    x = tf.placeholder(tf.int32, [batch, None])
    cells = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(units) for _ in range(layers)])
    state = cells.zero_state(batch, tf.float32)
    table = tf.get_variable("table", [size, units])
    outputs, final = tf.nn.dynamic_rnn(cells, tf.nn.embedding_lookup(table, x), initial_state=state)
    return x, state, final, tf.layers.dense(outputs, size, name="out")


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, print the loss and a sample; gives the last mean loss in nats a character."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, default=README)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=50, help="characters of a step")
    parser.add_argument("--sample", type=int, default=300, help="characters to write in the end")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    text = options.text.read_text(encoding="utf-8")
    letters = sorted(set(text))
    ids = np.array([letters.index(c) for c in text])
    rows = len(ids) // options.batch
    data = ids[: rows * options.batch].reshape(options.batch, rows)

    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(options.seed)
        with tf.variable_scope("net"):
            x, state, final, logits = model(options.batch, len(letters), options.units, options.layers)
        y = tf.placeholder(tf.int32, [options.batch, None])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        variables = tf.trainable_variables()
        gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 5.0)
        train = tf.train.AdamOptimizer(0.003).apply_gradients(zip(gradients, variables, strict=True))
        with tf.variable_scope("net", reuse=True):
            one, before, after, scores = model(1, len(letters), options.units, options.layers)
        session.run(tf.global_variables_initializer())

        losses: list[float] = []
        kept, at = session.run(state), 0
        for step in range(1, options.steps + 1):
            if at + options.length >= rows:
                kept, at = session.run(state), 0
            window = data[:, at : at + options.length + 1]
            value, kept, _ = session.run([loss, final, train], {x: window[:, :-1], y: window[:, 1:], state: kept})
            at += options.length
            losses.append(float(value))
            if step % 100 == 0:
                print(f"step {step}: {np.mean(losses[-50:]):.3f} nats a character")

        rng = np.random.default_rng(options.seed)
        written, memory = [int(ids[0])], session.run(before)
        probabilities = tf.nn.softmax(scores[0, -1] / 0.7)
        for _ in range(options.sample):
            chances, memory = session.run([probabilities, after], {one: [[written[-1]]], before: memory})
            written.append(int(rng.choice(len(letters), p=chances / chances.sum(dtype=np.float64))))
        print("".join(letters[i] for i in written))
        return float(np.mean(losses[-50:]))


if __name__ == "__main__":
    main()
