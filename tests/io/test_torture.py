"""Small versions of the torture: a few kills, a few damaged files of each kind."""

import errno
import os
import tempfile
from pathlib import Path

import pytest
import torture

import graphflow as tf
from graphflow import errors
from graphflow.io import atomic
from graphflow.train import SaverDef

READERS = torture.readers()


@pytest.mark.parametrize("version", [None, SaverDef.V2])
def test_killed_savers_leave_whole_checkpoints(version):
    memory = "/dev/shm"  # where writing through to the disk takes no time
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as folder:
        figures = torture.kills(Path(folder), 4, 1, version)
    assert figures["steps"] >= 4


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_errors_or_data(tmp_path, name):
    results = torture.mutations(READERS[name], tmp_path, 40, 7)
    assert results.total() == 40


class Full:
    """A file on a disk that has room for so many more writes."""

    left = 0

    def __init__(self, file):
        self._file = file

    def write(self, data):
        if Full.left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        Full.left -= 1
        return self._file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("version", [None, SaverDef.V2])
def test_a_disk_that_fills_at_any_write(tmp_path, version, monkeypatch):
    with tf.Graph().as_default(), tf.Session() as sess:
        variables = [tf.Variable(0.0, name=name) for name in "abc"]
        saver, step = tf.train.Saver(write_version=version), tf.Variable(0, name="step", trainable=False)
        sess.run(tf.global_variables_initializer())
        del step
        prefix = saver.save(sess, str(tmp_path / "m"))
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        for variable in variables:
            variable.load(1.0, sess)
        monkeypatch.setattr(atomic, "open", lambda *how: Full(open(*how)), raising=False)  # noqa: SIM115
        room = 0
        while True:
            Full.left = room
            try:
                saver.save(sess, prefix)
                break
            except errors.ResourceExhaustedError as error:
                assert "No space left" in str(error)
            saver.restore(sess, prefix)
            value = sess.run(variables)
            assert value in ([0, 0, 0], [1, 1, 1])  # one of the two, whole
            assert not [name for name in os.listdir(tmp_path) if ".tmp-" in name]
            for variable in variables:
                variable.load(1.0, sess)
            room += 1
        assert room >= 4
        saver.restore(sess, prefix)
        assert sess.run(variables) == [1, 1, 1] and len(os.listdir(tmp_path)) == len(before)
