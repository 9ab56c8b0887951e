"""A network of LSTM cells that learns to write like a text, character by character, and writes as it learns.

python examples/char_rnn.py                            # learns from Python's own language reference
python examples/char_rnn.py --text FILE --steps 5000
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import gallery
import numpy as np

import graphflow as tf


def reference() -> str:
    """The texts that `help("for")` and the like show, without their tables; they come with Python."""
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    return "\n".join(line for line in text.splitlines() if not line.startswith(("|", "+")))


def model(batch: int, size: int, units: int, layers: int):
    """(characters [batch, time], initial state, final state, logits [batch, time, size])."""
    x = tf.placeholder(tf.int32, [batch, None])
    cells = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(units) for _ in range(layers)])
    state = cells.zero_state(batch, tf.float32)
    table = tf.get_variable("table", [size, units])
    outputs, final = tf.nn.dynamic_rnn(cells, tf.nn.embedding_lookup(table, x), initial_state=state)
    return x, state, final, tf.layers.dense(outputs, size, name="out")


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, print the loss and samples; gives the last mean loss in nats a character."""
    parser = gallery.parser(__doc__, steps=1000)
    parser.add_argument("--text", type=Path, help="what to learn from (default: Python's language reference)")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=50, help="characters of a step")
    parser.add_argument("--sample", type=int, default=300, help="characters to write at a time")
    options = parser.parse_args(arguments)
    text = options.text.read_text(encoding="utf-8") if options.text else reference()
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    ids = np.array([number[letter] for letter in text])
    rows = len(ids) // options.batch
    data = ids[: rows * options.batch].reshape(options.batch, rows)

    tf.set_random_seed(options.seed)
    with tf.variable_scope("net"):
        x, state, final, logits = model(options.batch, len(letters), options.units, options.layers)
    y = tf.placeholder(tf.int32, [options.batch, None])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    variables = tf.trainable_variables()
    gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 5.0)
    train = tf.train.AdamOptimizer(0.003).apply_gradients(zip(gradients, variables, strict=True))
    with tf.variable_scope("net", reuse=True):  # the same network for one text, one character at a time
        one, before, after, scores = model(1, len(letters), options.units, options.layers)
    probabilities = tf.nn.softmax(scores[0, -1] / 0.7)  # below 1: likely characters become more likely still

    def write(session) -> str:
        rng = np.random.default_rng(options.seed)
        written, memory = [number.get("\n", 0)], session.run(before)
        for _ in range(options.sample):
            chances, memory = session.run([probabilities, after], {one: [[written[-1]]], before: memory})
            written.append(int(rng.choice(len(letters), p=chances / chances.sum(dtype=np.float64))))
        return "".join(letters[i] for i in written[1:])

    losses: list[float] = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        samples = {0: write(session)}
        kept, at = session.run(state), 0
        for step in gallery.progress(options.steps):
            if at + options.length >= rows:
                kept, at = session.run(state), 0
            window = data[:, at : at + options.length + 1]
            value, kept, _ = session.run([loss, final, train], {x: window[:, :-1], y: window[:, 1:], state: kept})
            at += options.length
            losses.append(float(value))
            if step in (options.steps // 10, options.steps):
                samples[step] = write(session)

    for step, sample in samples.items():
        print(f"\n-- written after {step} steps " + "-" * 60 + f"\n{sample}")
    recent = float(np.mean(losses[-50:]))
    print(f"\nloss of the last steps: {recent:.3f} nats a character")
    gallery.picture(options.out / "char_rnn.png", draw, losses, len(letters), samples, size=(11, 5))
    return recent


def draw(figure, losses: list[float], letters: int, samples: dict[int, str]) -> None:
    curve, text = figure.subplots(1, 2, width_ratios=[1, 1.3])
    curve.plot(range(1, len(losses) + 1), losses)
    curve.axhline(np.log(letters), color="grey", linestyle="--")
    curve.annotate(f"guessing among {letters} characters", (len(losses) / 2, np.log(letters)), color="grey", va="top",
                   ha="center")  # fmt: skip
    curve.set(title="loss, nats a character", xlabel="step", ylim=(0, None))
    folded = {step: re.sub(r"(.{90})(?=.)", r"\1\n", sample) for step, sample in samples.items()}
    written = "\n\n".join(f"after {step} steps:\n\n{sample}" for step, sample in folded.items())
    text.text(0, 1, written, va="top", family="monospace", fontsize=7, parse_math=False)
    text.set_title("what it writes")
    text.axis("off")


if __name__ == "__main__":
    main()
