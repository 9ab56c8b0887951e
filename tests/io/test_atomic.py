"""Files that are written while the disk is busy with what came before."""

import os

import pytest

from graphflow.io import atomic


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system is not told")
def test_the_disk_begins_early(tmp_path, monkeypatch):
    """Every byte but those of the last stretch is handed to the disk once, in order, however the data are cut."""
    stretch, handed = 64, []
    monkeypatch.setattr(atomic, "_STRETCH", stretch)

    def told(fd, start, count, advice):
        assert advice == os.POSIX_FADV_DONTNEED and os.fstat(fd).st_size >= start + count  # it has left our buffer
        handed.append((start, start + count))

    monkeypatch.setattr(os, "posix_fadvise", told)
    pieces = [b"a" * 10, bytes(range(200)), b"", b"b" * 53, memoryview(b"c" * 64), b"d"]
    path = tmp_path / "file"
    with atomic.replacing(str(path)) as file:
        for piece in pieces:
            atomic.write_on(file, piece)
    whole = b"".join(pieces)
    assert path.read_bytes() == whole
    edges = [0, *[edge for pair in handed for edge in pair], handed[-1][1]]
    assert edges[::2] == edges[1::2] and len(whole) - stretch < edges[-1] <= len(whole)
