"""What a step is on a GPU: launches of kernels, one after the other, with their own pointers and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, NamedTuple, Protocol

from graphflow.arena import padded
from graphflow.backends.base import Call, Draws
from graphflow.backends.cpu.buffers import element
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.compile import Job
from graphflow.operation import Operation, Tensor
from graphflow.plan import Step

ALIGN = 256  # bytes, of pieces of device memory


class Scratch(NamedTuple):
    """A piece of the memory that a step has while it runs, as a pointer of a kernel."""

    start: int
    dtype: str
    number: int


Pointer = Tensor | Draws | Scratch | str  # "status": int64 [1], see `Launches.error`


@dataclass(frozen=True)
class Launch:
    """One launch: the kernel is a function, or text that defines `kernel`; (*pointers, *sizes) are its arguments.

    blocks    (along x, along y)
    threads   of a block, along x
    resident  how many blocks a processor should have registers for, if no thread needs more
    """

    kernel: Callable | str
    pointers: tuple[Pointer, ...]
    sizes: tuple[int, ...]
    blocks: tuple[int, int]
    threads: int = shim.THREADS
    resident: int = shim.RESIDENT

    @property
    def job(self) -> Job:
        """Its kernel, as a thing to compile."""
        elements = tuple([p.dtype if isinstance(p, Scratch) else element(p) for p in self.pointers])
        return Job(self.kernel, elements, len(self.sizes), self.threads, self.resident)

    @property
    def fits(self) -> bool:
        """Whether the driver takes so many arguments."""
        return shim.parameter_bytes(len(self.pointers), len(self.sizes)) <= shim.PARAMETER_BYTES


class Library(Protocol):
    """A call of a library in the place of a launch."""

    @property
    def pointers(self) -> tuple[Pointer, ...]: ...

    def bound(self, arguments: Sequence[Any], stream: Any) -> Callable[[], None]:
        """What queues it; the arguments are the arrays of the pointers."""


class Launches(tuple[Launch | Library, ...]):
    """The launches of a step."""

    def __str__(self) -> str:
        texts = [one.kernel if isinstance(one, Launch) else str(one) for one in self]
        return "\n".join(text for text in texts if not isinstance(text, FunctionType))  # type: ignore[misc]

    @property
    def jobs(self) -> list[Job]:
        """The kernels, as things to compile."""
        return [one.job for one in self if isinstance(one, Launch)]


def draws_of(steps: Iterable[Step]) -> list[Operation]:
    """The random operations that draw in these steps."""
    launches = [one for s in steps if s.call is not None for one in s.call.function]
    return list(dict.fromkeys(p.op for one in launches for p in one.pointers if isinstance(p, Draws)))


class Room:
    """Scratch memory that is being shared out."""

    def __init__(self) -> None:
        self.nbytes = 0

    def take(self, dtype: str, count: int, size: int) -> Scratch:
        found = Scratch(self.nbytes, dtype, count)
        self.nbytes += padded(count * size, ALIGN)
        return found


def call(
    launches: Sequence[Launch | Library], scratch_bytes: int = 0, pointwise: bool = False, error: str = ""
) -> Call | None:
    """The step of these launches; scratch memory is that of a Room.   None for more arguments than the driver takes.

    error   the message for a bad index, with {position} and {value}
    """
    if not all(one.fits for one in launches if isinstance(one, Launch)):
        return None
    room = scratch_bytes + ALIGN if scratch_bytes else 0  # to begin it at a multiple
    return Call(Launches(launches), (), (), room, pointwise=pointwise, error=error)


def each_element(kernel: Callable | str, pointers: Sequence[Pointer], sizes: Sequence[int], count: int) -> Launch:
    """A launch with a thread for each of `count` elements, as far as there may be so many."""
    return Launch(kernel, tuple(pointers), tuple(sizes), (blocks_for(count), 1))


def blocks_for(count: int, each: int = shim.THREADS) -> int:
    return max(1, min(-(-count // each), shim.BLOCKS))


def division(count: int) -> str:
    """The bits of positions among so many: in 32 bits division is faster."""
    return "32" if count < 2**31 else "64"
