"""`tf.resource_loader`: files beside the program's own."""

from __future__ import annotations

import os
import sys


def get_data_files_path() -> str:
    """The folder of the calling file."""
    return os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))


def get_path_to_datafile(path: str) -> str:
    """The path of a file in the folder of the calling file."""
    return os.path.join(os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename)), path)


def load_resource(path: str) -> bytes:
    """The content of a file; FileNotFoundError without it."""
    with open(path, "rb") as file:
        return file.read()


def readahead_file_path(path: str, readahead: str = "128M") -> str:
    """The path as it is."""
    return path


def get_root_dir_with_all_resources() -> str:
    """The folder of the program."""
    return os.path.dirname(os.path.abspath(sys.argv[0]))
