"""What the examples share and a reader may skip: options, a progress bar, and the writing of pictures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

_EXTRAS = {"matplotlib": "no pictures will be drawn", "tqdm": "no progress will be shown"}


def parser(description: str, steps: int | None = None, data: bool = False) -> argparse.ArgumentParser:
    """The options that examples have: --seed, --out, and --steps and --data (a folder with MNIST) where wanted.

    It also says which packages are missing, and what goes without them.
    """
    for package, loss in _EXTRAS.items():
        if find_spec(package) is None:
            print(f"{package} is not installed: {loss}; to install it: pip install {package}", file=sys.stderr)
    options = argparse.ArgumentParser(description=description.partition("\n")[0])
    if steps is not None:
        options.add_argument("--steps", type=positive, default=steps, help=f"training steps (default: {steps})")
    options.add_argument("--seed", type=int, default=0, help="decides all random numbers (default: 0)")
    options.add_argument("--out", type=_folder, default="pictures", help="folder for pictures (default: pictures)")
    if data:
        there = Path(__file__).parent / "data" / "mnist"
        options.add_argument("--data", type=Path, default=there, help="folder with MNIST (default: that of the clone)")
    return options


def positive(text: str) -> int:
    """A number of steps; argparse reports anything below 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def _folder(text: str) -> Path:
    """A folder that can be written to, made if need be; asked when the program starts, not when it has learned."""
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=text):
            return Path(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write into the folder {text!r}: {error.strerror}") from None


def progress(items: Iterable[Any] | int, unit: str = "step") -> Iterable[Any]:
    """The items, or 1, 2, ... up to a number, with a bar that shows how far they are."""
    items = range(1, items + 1) if isinstance(items, int) else items
    if find_spec("tqdm") is None:
        return items
    from tqdm import tqdm

    return tqdm(items, unit=unit, mininterval=0.5)


def picture(path: Path, draw: Callable[..., None], *data: Any, size: tuple[float, float] = (8, 4)) -> None:
    """Writes what `draw(figure, *data)` draws into a figure of so many inches; nothing where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(figure, *data)
    figure.savefig(path, dpi=100)
    print(f"wrote {path}")


def mosaic(images: np.ndarray, columns: int, gap: float = 1.0) -> np.ndarray:
    """Images [n, height, width] side by side in one array, `columns` in a row, with lines of `gap` between them."""
    rows = -(-len(images) // columns)
    _, height, width = images.shape
    sheet = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1), gap, np.float32)
    for i, image in enumerate(images):
        top, left = i // columns * (height + 1) + 1, i % columns * (width + 1) + 1
        sheet[top : top + height, left : left + width] = image
    return sheet
