"""The one module that imports numba.cuda: devices, memory, streams, compilation, launches and captured graphs.

With NUMBA_ENABLE_CUDASIM=1 the same calls go to numba's simulator, which runs kernels as Python threads.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import re
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numba import config as _numba_config

from graphflow.errors import GraphError, InternalError, OpError, ResourceExhaustedError

SIMULATED = bool(_numba_config.ENABLE_CUDASIM)
_EXTRA = "the CUDA backend needs the extra `cuda`: pip install 'graphflow[cuda]'"
_OLDEST = 7, 5  # the compute capability of the oldest GPUs that CUDA 13 knows
_DRIVER = 13000  # CUDA 13.0, the oldest that runs what the extra's toolkit compiles

if not SIMULATED and importlib.util.find_spec("numba_cuda") is None:
    raise GraphError(_EXTRA)

from numba import cuda, types  # noqa: E402, F401

THREADS = 4 if SIMULATED else 256  # of a block, where nothing else decides; a simulated thread is a thread of Python
BLOCKS = 2 if SIMULATED else 2**20  # of a launch, at most
PARAMETER_BYTES = 32764  # of a kernel, since CUDA 12.1
_ARRAY_BYTES, _NUMBER_BYTES = 56, 8  # what numba passes for an array and for a number
RESIDENT = 2  # blocks that a processor must have registers for: one alone waits for its own loads
_MEMORY_ERROR = 2  # CUDA_ERROR_OUT_OF_MEMORY
_LOST = {
    f"CUDA_ERROR_{name}" for name in (
        "ILLEGAL_ADDRESS", "LAUNCH_TIMEOUT", "ASSERT", "HARDWARE_STACK_ERROR", "ILLEGAL_INSTRUCTION", "INVALID_PC",
        "MISALIGNED_ADDRESS", "INVALID_ADDRESS_SPACE", "LAUNCH_FAILED", "ECC_UNCORRECTABLE", "CONTEXT_IS_DESTROYED",
    )
}  # fmt: skip


def device_function(function: Callable) -> Callable:
    """The function for calls inside kernels."""
    return function if SIMULATED else cuda.jit(device=True, forceinline=True)(function)


def intrinsic(emitter: Any) -> Callable:
    """A function of kernels that writes its own LLVM IR."""
    return importlib.import_module("numba.cuda.extending").intrinsic(emitter)


def library(name: str) -> Any:
    """A function of libdevice."""
    return getattr(importlib.import_module("numba.cuda.libdevice"), name)


def require_device() -> None:
    """Raises: GraphError with what is missing: a driver, one that is new enough, or a GPU."""
    if SIMULATED:
        return
    from cuda.bindings import driver

    version = 0
    if has_library("cuda"):
        status, version = driver.cuDriverGetVersion()
        version = 0 if int(status) else version
    if not version:
        raise GraphError("there is no NVIDIA driver: the CUDA backend needs a GPU", hint="backend='cpu' runs anywhere")
    if version < _DRIVER:
        raise GraphError(
            f"the NVIDIA driver is for CUDA {version // 1000}.{version % 1000 // 10}, and the CUDA backend needs one "
            f"for {_DRIVER // 1000}.{_DRIVER % 1000 // 10} or newer"
        )
    try:
        cuda.current_context()
    except Exception as error:
        raise GraphError(f"the GPU cannot be used: {error}") from error


def available() -> bool:
    """Whether there is a GPU that can be used."""
    try:
        require_device()
    except GraphError:
        return False
    return True


def has_library(name: str) -> bool:
    """Whether a library of the driver or the toolkit can be loaded."""
    from cuda import pathfinder

    try:
        pathfinder.load_nvidia_dynamic_lib(name)
    except pathfinder.DynamicLibNotFoundError:
        return False
    return True


# -- kernels ---------------------------------------------------------------------------------------------------------
def parameter_bytes(pointers: int, sizes: int) -> int:
    """How much of PARAMETER_BYTES a kernel takes."""
    return pointers * _ARRAY_BYTES + sizes * _NUMBER_BYTES


def signature(elements: Sequence[str], sizes: int) -> str:
    """Of a kernel of arrays with these elements, and of so many int64."""
    arrays = [f"{'boolean' if e == 'bool' else e}[::1]" for e in elements]
    return f"void({', '.join([*arrays, *['int64'] * sizes])})"


def ptx(function: Callable, elements: Sequence[str], sizes: int, threads: int, resident: int) -> str:
    """The kernel's PTX, for the oldest GPUs and all since: needs the toolkit, but neither driver nor GPU.

    Numba names it, and each of its parameters, by the types of all of them, which makes megabytes of a hundred.
    """
    with _pretended(_OLDEST):
        code, _ = cuda.compile_ptx(function, signature(elements, sizes), cc=_OLDEST, launch_bounds=(threads, resident))
    return code.replace(_entry(code), "kernel")


def _entry(ptx: str) -> str:
    found = re.search(r"\.entry\s+([\w$]+)", ptx)
    assert found, "PTX without an entry"
    return found[1]


@contextmanager
def _pretended(capability: tuple[int, int]) -> Iterator[None]:
    """Functions that a kernel calls are compiled for the device at hand: here there need be none."""
    dispatcher: Any = importlib.import_module("numba.cuda.dispatcher")
    before = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = before


class Assembled(NamedTuple):
    """A kernel's name in its machine code, and what the assembler says of it: registers, local memory."""

    name: str
    code: bytes
    report: str

    @property
    def spills(self) -> bool:
        """Whether there were too few registers."""
        return not re.search(r"\b0 bytes spill stores, 0 bytes spill loads", self.report)


def assembled(ptx: str, capability: tuple[int, int]) -> Assembled:
    """PTX as machine code; needs neither driver nor GPU."""
    from cuda.bindings import nvjitlink

    text = ptx.encode() + b"\0"
    linker = nvjitlink.create(3, [f"-arch=sm_{capability[0]}{capability[1]}", "-O3", "-verbose"])
    try:
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, text, len(text), "kernel")
        nvjitlink.complete(linker)
        code, report = (
            bytearray(nvjitlink.get_linked_cubin_size(linker)),
            bytearray(nvjitlink.get_info_log_size(linker)),
        )
        nvjitlink.get_linked_cubin(linker, code)
        nvjitlink.get_info_log(linker, report)
    finally:
        nvjitlink.destroy(linker)
    return Assembled(_entry(ptx), bytes(code), report.decode())


@functools.cache
def versions() -> tuple[str, ...]:
    """Of what machine code is made with."""
    return tuple([f"{name} {importlib.metadata.version(name)}" for name in ("numba", "numba-cuda", "nvidia-nvjitlink")])


@functools.cache
def capability() -> tuple[int, int]:
    """The compute capability of the device at hand."""
    major, minor = cuda.get_current_device().compute_capability
    return major, minor


def loaded(name: str, code: bytes) -> Any:
    """A kernel from its machine code; it stays loaded as long as the process runs."""
    from cuda.bindings import driver

    cuda.current_context()
    return _checked(driver.cuModuleGetFunction(_checked(driver.cuModuleLoadData(code)), name.encode()))


def interpreted(function: Callable) -> Any:
    """A kernel of the simulator."""
    return cuda.jit(function)


def bound(
    kernel: Any, blocks: tuple[int, int], threads: int, stream: Any, arguments: Sequence[Any]
) -> Callable[..., None]:
    """What queues the kernel; numbers that it is called with take the places of the last ones among the arguments."""
    if not SIMULATED:
        return _Launching(kernel, blocks, threads, stream, arguments)

    def run(*numbers: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's numbers warn where a GPU does not
            kernel[blocks, threads](*arguments[: len(arguments) - len(numbers)], *numbers)

    return run


class _Launching:
    """A launch whose arguments lie ready as the driver takes them.

    An array is seven words to numba: two for its owner, its size, that of an element, address, length and stride.
    """

    def __init__(
        self, kernel: Any, blocks: tuple[int, int], threads: int, stream: Any, arguments: Sequence[Any]
    ) -> None:
        from cuda.bindings import driver

        words: list[int] = []
        for a in arguments:
            if isinstance(a, int):
                words.append(a)
            else:
                words += [0, 0, a.size, a.dtype.itemsize, address(a), a.size, a.dtype.itemsize]
        self._words = np.array(words, np.int64)
        self._places = self._words.ctypes.data + 8 * np.arange(len(words), dtype=np.uint64)
        self._arguments = arguments  # whose memory must live
        self._launch = partial(
            driver.cuLaunchKernel, kernel, *blocks, 1, threads, 1, 1, 0, driver.CUstream(handle(stream)),
            int(self._places.ctypes.data), 0,
        )  # fmt: skip

    def __call__(self, *numbers: int) -> None:
        if numbers:  # the driver reads the words before the call is done
            self._words[-len(numbers) :] = numbers
        _checked(self._launch())


# -- memory ----------------------------------------------------------------------------------------------------------
def allocate(nbytes: int, what: str) -> Any:
    """Bytes on the device.   Raises: ResourceExhaustedError, with how much is wanted, for what, how much is free."""
    try:
        return cuda.device_array(max(nbytes, 1), np.uint8)
    except Exception as error:
        if getattr(error, "code", None) != _MEMORY_ERROR and "OUT_OF_MEMORY" not in str(error):
            raise
        free, total = cuda.current_context().get_memory_info()
        raise ResourceExhaustedError.because(
            f"there is no device memory for the {nbytes} bytes of {what}: {free} of {total} bytes are free"
        ) from error


def address(memory: Any) -> int:
    """Of the first byte of device memory."""
    return int(memory.ctypes.data if SIMULATED else memory.device_ctypes_pointer.value or 0)


def part(memory: Any, start: int, dtype: np.dtype, count: int) -> Any:
    """`count` elements of a dtype in device memory, from a byte on."""
    return memory[start : start + count * dtype.itemsize].view(dtype)


def pinned(nbytes: int) -> np.ndarray:
    """Bytes on the host that the device can copy by itself."""
    return np.empty(max(nbytes, 1), np.uint8) if SIMULATED else cuda.pinned_array(max(nbytes, 1), np.uint8)


def fill(memory: Any, byte: int, stream: Any) -> None:
    """Queue that all bytes become this one."""
    if SIMULATED:
        memory.copy_to_device(np.full(memory.size, byte, np.uint8))
        return
    from cuda.bindings import driver

    _checked(driver.cuMemsetD8Async(address(memory), byte, memory.size, driver.CUstream(handle(stream))))


def upload(target: Any, source: np.ndarray, stream: Any) -> None:
    """Queue a copy to the device."""
    target.copy_to_device(source, stream=stream)


def download(source: Any, target: np.ndarray, stream: Any) -> None:
    """Queue a copy from the device."""
    source.copy_to_host(target, stream=stream)


def copy(target: Any, source: Any, stream: Any) -> None:
    """Queue a copy on the device."""
    target.copy_to_device(source, stream=stream)


def new_stream() -> Any:
    return cuda.stream()


def handle(stream: Any) -> int:
    """What the driver knows a stream by."""
    return 0 if SIMULATED else int(stream.handle)


def enter() -> None:
    """Let this thread use the device."""
    if not SIMULATED:
        cuda.current_context()


def wait(stream: Any) -> None:
    """Until all that is queued is done."""
    if SIMULATED:
        return
    from cuda.bindings import driver

    _checked(driver.cuStreamSynchronize(driver.CUstream(handle(stream))))


def lost(status: str) -> OpError:
    """The error for a context that nothing can use any more."""
    return InternalError.because(
        f"a kernel has failed, and with it the CUDA context of this process is lost: {status}",
        hint="variables on the device are gone: start a new process, and restore the last checkpoint",
    )


# -- captured graphs -------------------------------------------------------------------------------------------------
def captured(queue: Callable[[], None], stream: Any) -> Callable[[], None] | None:
    """What replays all that `queue` queues; None where nothing can be captured.   Kernels have been launched before."""
    if SIMULATED:
        return None
    from cuda.bindings import driver

    cuda.current_context()  # of this thread
    on = driver.CUstream(handle(stream))
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    _checked(driver.cuStreamBeginCapture(on, mode))
    try:
        queue()
    finally:
        graph = _checked(driver.cuStreamEndCapture(on))
    executable = _checked(driver.cuGraphInstantiate(graph, 0))
    _checked(driver.cuGraphDestroy(graph))

    launch = partial(driver.cuGraphLaunch, executable, on)

    def replay() -> None:
        _checked(launch())

    weakref.finalize(replay, driver.cuGraphExecDestroy, executable).atexit = False
    return replay


def _checked(result: tuple) -> Any:
    status, *values = result
    if int(status):
        if status.name in _LOST:
            raise lost(status.name)
        raise InternalError.because(f"the CUDA driver has answered {status.name}")
    return values[0] if values else None
