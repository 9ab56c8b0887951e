"""The version of graphflow, and the version of TensorFlow whose names and rules it has."""

__version__ = "0.1.0"
VERSION = "1.15.0"
GIT_VERSION = f"graphflow-{__version__}"
COMPILER_VERSION = "numba"
