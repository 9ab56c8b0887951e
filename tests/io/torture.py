"""Savers that are killed and run out of disk, and readers of damaged files: `python -m tests.io.torture`.

The tests run small versions with fixed seeds.
"""

from __future__ import annotations

import argparse
import io
import math
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

import graphflow as tf
from graphflow import errors
from graphflow.compat import input_data
from graphflow.io.checkpoint import open_checkpoint, write_checkpoint
from graphflow.io.table import read_table, write_table
from graphflow.train import SaverDef

SIZE = 40_000  # float32 of each of two variables


# -- savers that are killed --------------------------------------------------------------------------------------------
def _saving(folder: Path, version: int | None, report: Connection, steps: float = math.inf) -> None:
    """Save step after step, with values that tell the step; also under one prefix that is overwritten each time."""
    with tf.config(backend="reference"), tf.Graph().as_default(), tf.Session() as sess:  # nothing is compiled
        step = tf.Variable(0, name="step")
        halves = [tf.Variable(np.zeros(SIZE, np.float32), name=name) for name in ("a", "b")]
        count = step.assign_add(1)
        with tf.control_dependencies([count]):
            updates = [half.assign(tf.fill([SIZE], tf.cast(count, tf.float32))) for half in halves]
        saver, again = (tf.train.Saver(max_to_keep=2, write_version=version) for _ in range(2))
        found = tf.train.get_checkpoint_state(folder)
        if found is None:
            sess.run(tf.global_variables_initializer())
        else:
            saver.restore(sess, found.model_checkpoint_path)
            saver.recover_last_checkpoints(found.all_model_checkpoint_paths)
        while steps > 0:
            number, steps = int(sess.run([*updates, count])[-1]), steps - 1
            try:
                again.save(sess, str(folder / "same"), write_state=False)
                saver.save(sess, str(folder / "model"), global_step=number)
            except errors.ResourceExhaustedError:
                report.send("full")
                time.sleep(0.001)
            else:
                report.send(number)


@dataclass
class Killed:
    """What became of one process that saved."""

    saved: int  # the last step whose save() came back
    full: int  # how many saves found the disk full


_CONTEXT = multiprocessing.get_context("forkserver")  # forks a process without threads
_CONTEXT.set_forkserver_preload(["graphflow", "numba", "graphflow.backends.reference"])


def kill_once(folder: Path, seconds: float, version: int | None, meanwhile: Callable[[float], None]) -> Killed:
    """A process that saves until it is killed, so many seconds after its first report."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=_saving, args=(folder, version, theirs))
    child.start()
    theirs.close()
    reports = [ours.recv()]
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        meanwhile(left)
        if ours.poll(min(left, 0.002)):
            reports.append(ours.recv())
    child.kill()
    child.join()
    with suppress(EOFError):
        while True:
            reports.append(ours.recv())
    return Killed(max((n for n in reports if n != "full"), default=0), reports.count("full"))


def newest(folder: Path) -> int:
    """The step of the newest checkpoint, all of whose values are whole and of that step."""
    prefix = tf.train.latest_checkpoint(folder)
    assert prefix is not None, "there is no checkpoint any more"
    kept = tf.train.get_checkpoint_state(folder).all_model_checkpoint_paths
    found = 0
    for path in [*[p for p in kept if tf.train.checkpoint_exists(p)], str(folder / "same")]:
        reader = open_checkpoint(path)
        reader.verify(["a", "b", "step"])
        step = int(reader.get_tensor("step"))
        for name in ("a", "b"):
            value = reader.get_tensor(name)
            assert value.shape == (SIZE,) and (value == step).all(), f"{path}: {name!r} is not of step {step}"
        if path == prefix:
            assert path.endswith(f"-{step}")
            found = step
    return found


def kills(folder: Path, count: int, seed: int, version: int | None, ballast: Path | None = None) -> dict[str, int]:
    """Kill `count` processes at random moments; after each, the newest checkpoint that was saved must be whole.

    ballast   a file that comes and goes, and leaves no room on its disk while it is there
    """
    rng, last, full, after = random.Random(seed), 0, 0, 0

    def fill(left: float) -> None:
        assert ballast is not None
        if rng.random() < 0.2:
            if ballast.exists():
                ballast.unlink()
            else:
                space = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
                with suppress(OSError), open(ballast, "wb") as file:
                    file.write(bytes(int(space * rng.uniform(0.8, 1.0))))

    for _ in range(count):
        done = kill_once(folder, rng.uniform(0.0, 0.06), version, (lambda left: None) if ballast is None else fill)
        found = newest(folder)
        assert found >= max(last, done.saved), f"step {found} is what is left, and {done.saved} was saved"
        after += found > done.saved
        last, full = found, full + done.full
        if ballast is not None:
            ballast.unlink(missing_ok=True)
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    sweeper = _CONTEXT.Process(target=_saving, args=(folder, version, theirs, 1))  # one save with room sweeps up
    sweeper.start()
    sweeper.join()
    saved = ours.recv()
    assert sweeper.exitcode == 0 and saved == newest(folder) == last + 1, f"{saved}, after {last}"
    kept = tf.train.get_checkpoint_state(folder).all_model_checkpoint_paths
    prefixes = {"checkpoint", "same", *(os.path.basename(path) for path in kept)}
    others = {name for name in os.listdir(folder) if name.partition(".")[0] not in prefixes or ".tmp-" in name}
    assert not others and len(os.listdir(folder)) == 1 + 3 * len(prefixes - {"checkpoint"}), os.listdir(folder)
    return {"kills": count, "steps": last, "saves on a full disk": full, "whole but not yet reported": after}


# -- damaged files -----------------------------------------------------------------------------------------------------
def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with flipped bits, a cut, false lengths, or a piece that is doubled, taken out or overwritten."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del out[at:]
        elif kind == 2:
            width = rng.choice((1, 2, 4, 8))
            value = rng.choice((0, 1, 127, 128, 255, (1 << 8 * width) - 1, 1 << 8 * width - 1, 1 << 8 * width - 2))
            order = rng.choice(("little", "big"))
            out[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, order)  # type: ignore[arg-type]
        elif kind == 3:
            out[at:at] = out[at : at + rng.randrange(1, 40)]
        elif kind == 4:
            del out[at : at + rng.randrange(1, 40)]
        else:
            out[at : at + 8] = rng.randbytes(8)
    return bytes(out)


@dataclass
class Reader:
    """A kind of file.

    files    what is written: contents by name
    read     reads them from a folder, after one of them was damaged
    checked  whatever is read must be what was written, or (for a list) some of it
    """

    files: dict[str, bytes]
    read: Callable[[Path], Any]
    checked: bool = False


def _run(fetch: Callable[[], Any]) -> Any:
    with tf.Graph().as_default(), tf.Session() as sess:
        return sess.run(fetch())


def _decoding(op: Callable[[Any], Any]) -> Callable[[Path], Any]:
    """A decoder, compiled once."""
    with tf.Graph().as_default():
        contents = tf.placeholder(tf.string, [])
        call = tf.Session().make_callable(op(contents), [contents])
    return lambda folder: call((folder / "file").read_bytes())


def _records(kind: str) -> Callable[[Path], list[bytes]]:
    def read(folder: Path) -> list[bytes]:
        found: list[bytes] = []
        try:
            found.extend(tf.python_io.tf_record_iterator(str(folder / "file"), tf.python_io.TFRecordOptions(kind)))
        except errors.DataLossError as error:
            assert str(folder) in str(error) and "byte" in str(error), error
            error.before = found  # type: ignore[attr-defined]
            raise
        return found

    return read


def _events(folder: Path) -> list[str]:
    """The events of a file; after an error those before it go with it."""
    found: list[str] = []
    try:
        found.extend(map(str, tf.train.summary_iterator(str(folder / "file"))))
    except errors.DataLossError as error:
        assert str(folder) in str(error) and ("byte" in str(error) or "record" in str(error)), error
        error.before = found  # type: ignore[attr-defined]
        raise
    return found


def _event_file() -> dict[str, bytes]:
    def write(folder: Path) -> None:
        with tf.Graph().as_default(), tf.summary.FileWriter(str(folder)) as writer:
            for step in range(4):
                writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1 / (step + 1))]), step)
        next(folder.iterdir()).rename(folder / "file")

    return _written(write)


def _in_a_record(folder: Path) -> list[str]:
    """The event that a file's bytes are, by way of a record whose sum is right."""
    data = (folder / "file").read_bytes()
    with tf.python_io.TFRecordWriter(str(folder / "record")) as writer:
        writer.write(data)
    (folder / "record").replace(folder / "file")
    return _events(folder)


def _restored(folder: Path) -> dict[str, list]:
    reader = open_checkpoint(str(folder / "m"))
    return {name: reader.get_tensor(name).tolist() for name in sorted(reader.get_variable_to_shape_map())}


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _written(write: Callable[[Path], Any]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name))
        return _contents(Path(name))


def _record_file(kind: str) -> dict[str, bytes]:
    def write(folder: Path) -> None:
        with tf.python_io.TFRecordWriter(str(folder / "file"), tf.python_io.TFRecordOptions(kind)) as writer:
            for n in range(12):
                writer.write(b"record %d" % n * (n % 5))

    return _written(write)


def _example() -> bytes:
    feature = tf.train.Feature
    return tf.train.Example(features=tf.train.Features(feature={
        "i": feature(int64_list=tf.train.Int64List(value=[1, -2, 1 << 40])),
        "f": feature(float_list=tf.train.FloatList(value=[0.5, 2.0])),
        "s": feature(bytes_list=tf.train.BytesList(value=[b"ab", b""])),
    })).SerializeToString()  # fmt: skip


def _event() -> bytes:
    with tf.Graph().as_default(), tf.Session() as sess:
        values = tf.constant([1.0, 2.0, 5.0])
        summary = sess.run(tf.summary.merge([tf.summary.scalar("a", values[0]), tf.summary.histogram("b", values)]))
    return tf.Event(wall_time=1.0, step=3, summary=tf.Summary.FromString(summary)).SerializeToString()


def _sequence_example() -> bytes:
    made = tf.train.SequenceExample()
    made.context.feature["i"].int64_list.value.append(7)
    for n in range(4):
        made.feature_lists.feature_list["a"].feature.add().float_list.value.extend([n, n])
        made.feature_lists.feature_list["b"].feature.add().bytes_list.value.extend([b"w"] * n)
    return made.SerializeToString()


def _image(kind: str, frames: int = 1, mode: str = "RGB") -> bytes:
    from PIL import Image

    rng, file = np.random.default_rng(0), io.BytesIO()
    shape = (19, 23) if mode == "L" else (19, 23, 3)
    pictures = [Image.fromarray(rng.integers(0, 255, shape, np.uint8)) for _ in range(frames)]
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    pictures[0].save(file, kind, **more)
    return file.getvalue()


def _meta(folder: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        w = tf.get_variable("w", [2, 3])
        tf.add_to_collection("y", tf.nn.softmax(tf.placeholder(tf.float32, [None, 2]) @ w))
        sess.run(w.initializer)
        tf.train.Saver().save(sess, str(folder / "m"))
    for path in folder.iterdir():
        if path.name != "m.meta":
            path.unlink()


def _imported(folder: Path) -> None:
    with tf.Graph().as_default():
        tf.train.import_meta_graph(str(folder / "m.meta"))


def _graph_def(folder: Path) -> None:
    with tf.Graph().as_default():
        tf.import_graph_def(tf.GraphDef.FromString((folder / "file").read_bytes()))


def _graph_bytes() -> bytes:
    with tf.Graph().as_default() as graph:
        tf.nn.relu(tf.placeholder(tf.float32, [None, 2]) @ tf.constant([[1.0, 2.0], [3.0, 4.0]]) + 1.0)
        return graph.as_graph_def().SerializeToString()


def _idx(folder: Path) -> Any:
    with open(folder / "file.gz", "rb") as file:
        return input_data.extract_images(file).tolist()


def _gzipped(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def _summed(dataset: Any) -> Any:
    """All elements of a dataset."""
    found, element = [], dataset.make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        while True:
            try:
                found.append(sess.run(element))
            except errors.OutOfRangeError:
                return found


def _dataset(make: Callable[[str], Any]) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        with tf.Graph().as_default():
            return _summed(make(str(folder / "file")))

    return read


def readers() -> dict[str, Reader]:
    """All kinds of files that are read."""
    rng = np.random.default_rng(0)
    arrays = {"w": rng.random((5, 7), np.float32), "s": np.array([b"abc", b"", b"d" * 60], object), "n": np.array(5)}
    specs = {"i": tf.FixedLenFeature([3], tf.int64), "f": tf.VarLenFeature(tf.float32),
             "s": tf.VarLenFeature(tf.string)}  # fmt: skip
    steps = {"a": tf.FixedLenSequenceFeature([2], tf.float32), "b": tf.VarLenFeature(tf.string)}
    idx = (2051).to_bytes(4, "big") + (3).to_bytes(4, "big") + (4).to_bytes(4, "big") * 2 + rng.bytes(48)
    lines = b'1,2.5,"a ""b"""\n3,,x\n-4,1e3,"c,d"\n' * 3
    table = write_table({b"key%03d" % n: b"value" * (n % 7) for n in range(90)})
    found = {
        "records": Reader(_record_file(""), _records(""), checked=True),
        "records, gzip": Reader(_record_file("GZIP"), _records("GZIP"), checked=True),
        "records, zlib": Reader(_record_file("ZLIB"), _records("ZLIB"), checked=True),
        "events": Reader(_event_file(), _events, checked=True),
        "event of a summary": Reader({"file": _event()}, _in_a_record),
        "checkpoint": Reader(_written(lambda f: write_checkpoint(str(f / "m"), arrays)), _restored),
        "checkpoint of TensorFlow's": Reader(
            _written(lambda f: write_checkpoint(str(f / "m"), arrays, bundle=True)), _restored, checked=True
        ),
        "list of checkpoints": Reader(
            {"checkpoint": b'model_checkpoint_path: "m-2"\nall_model_checkpoint_paths: "m-1"\n'
                           b'all_model_checkpoint_paths: "m-2"\n'},
            lambda folder: str(tf.train.get_checkpoint_state(folder)),
        ),
        "table": Reader({"file": table}, lambda folder: read_table((folder / "file").read_bytes(), "f"), checked=True),
        "graph of a checkpoint": Reader(_written(_meta), _imported),
        "GraphDef": Reader({"file": _graph_bytes()}, _graph_def),
        "Example": Reader({"file": _example()}, _decoding(lambda text: tf.parse_single_example(text, specs))),
        "SequenceExample": Reader({"file": _sequence_example()}, _decoding(
            lambda text: tf.parse_single_sequence_example(text, {"i": tf.FixedLenFeature([], tf.int64)}, steps)
        )),
        "message": Reader({"file": _example()},
                          lambda folder: tf.train.Example.FromString((folder / "file").read_bytes())),
        "CSV": Reader({"file": lines}, _dataset(
            lambda name: tf.data.experimental.CsvDataset(name, [tf.int32, [1.0], tf.string])
        )),
        "lines, gzip": Reader({"file": _gzipped(lines)}, _dataset(lambda name: tf.data.TextLineDataset(name, "GZIP"))),
        "fixed records": Reader({"file": rng.bytes(70)}, _dataset(
            lambda name: tf.data.FixedLengthRecordDataset(name, 16, 4, 2)
        )),
        "idx": Reader({"file.gz": _gzipped(idx)}, _idx, checked=False),
        "JPEG": Reader({"file": _image("JPEG")}, _decoding(tf.image.decode_jpeg)),
        "PNG": Reader({"file": _image("PNG")}, _decoding(tf.image.decode_png)),
        "GIF": Reader({"file": _image("GIF", frames=3, mode="L")}, _decoding(tf.image.decode_gif)),
        "BMP": Reader({"file": _image("BMP")}, _decoding(tf.image.decode_bmp)),
    }  # fmt: skip
    return found


@contextmanager
def limited(seconds: int, megabytes: int) -> Iterator[None]:
    """No more than so much time and additional memory for what happens inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (megabytes << 20), hard))

    def late(*_: Any) -> None:
        raise TimeoutError(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _is(found: Any, wanted: Any) -> bool:
    """Whether this was written; of records each, since one that is there twice or not at all is no damage to a file.

    Nor is a length that was doubled: it is a record of eight bytes then, with the sum that it has as a length.
    """
    if not found or not isinstance(found, list):
        return not found or found == wanted
    lengths = [len(item).to_bytes(8, "little") for item in wanted]
    return all(item in wanted or item in lengths for item in found)


def mutations(reader: Reader, folder: Path, count: int, seed: int) -> Counter:
    """Read `count` damaged versions; how many were an error of graphflow's, and how many still gave data.

    Any other error, a hang, or memory that a length field merely claims, is raised with what was read.
    """
    rng, results = random.Random(seed), Counter[str]()
    for name, content in reader.files.items():
        (folder / name).write_bytes(content)
    wanted = reader.read(folder)
    for number in range(count):
        name = rng.choice(sorted(reader.files))
        broken = damaged(reader.files[name], rng)
        (folder / name).write_bytes(broken)
        try:
            with limited(10, 512):
                found = reader.read(folder)
            if reader.checked and not _is(found, wanted):
                raise AssertionError(f"{found!r} was read")
            results["data"] += 1
        except (errors.OpError, errors.GraphflowError, ValueError, OSError) as error:
            assert str(error).strip(), "an error without words"
            assert _is(getattr(error, "before", []), wanted), "wrong data before the error"
            results["error"] += 1
        except BaseException as error:
            error.add_note(f"mutation {number} of {name!r}, seed {seed}: {broken[:200]!r}")
            raise
        (folder / name).write_bytes(reader.files[name])
    return results


# -- the command -------------------------------------------------------------------------------------------------------
@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A disk of this size in memory; needs the right to mount."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for version, label in ((None, "safetensors"), (SaverDef.V2, "TensorFlow's format")):
        if args.kills:
            with tempfile.TemporaryDirectory() as name:
                print(f"killed, {label}: {kills(Path(name), args.kills, args.seed, version)}", flush=True)
            for size in (3, 8):  # MB; the first has just room for what is kept and one checkpoint more
                with small_disk(size) as folder:
                    figures = kills(folder, args.kills, args.seed, version, folder / "ballast")
                    print(f"killed on a disk of {size} MB that fills, {label}: {figures}", flush=True)
    every = readers()
    total: Counter[str] = Counter()
    for name, reader in every.items() if args.mutations else ():
        with tempfile.TemporaryDirectory() as folder:
            figures = mutations(reader, Path(folder), -(-args.mutations // len(every)), args.seed)
        print(f"damaged {name}: {dict(figures)}", flush=True)
        total += figures
    print(f"damaged files in all: {dict(total)}")


if __name__ == "__main__":
    main()
