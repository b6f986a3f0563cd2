"""Fashion-MNIST and other images in MNIST's idx files, at full size or averaged down to fewer pixels.

Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747; Debian packages the files as dataset-fashion-mnist.
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.network.data import Data, random_order
from mcmc.landscapes.network.datasets import check_scale, scaled
from mcmc.memory import require_memory

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""
INSTALL = "sudo apt install dataset-fashion-mnist"


def fashion_mnist(
    path: str | Path | None = None,
    side: int = 28,
    *,
    samples: int | None = None,
    test_samples: int | None = None,
    seed: int = 0,
    scale: str = "standard",
) -> Data:
    """60000 training and 10000 test images of clothes, 10 classes. For `side` and what follows see `idx_folder`.

    `path` is a folder with the four files, by default Debian's. Raises LandscapeError, with the install command, when
    they are not there.
    """
    folder = DEBIAN_FOLDER if path is None else Path(path)
    if _file(folder, "train-images-idx3-ubyte") is None:
        otherwise = "or give `path`" if path is None else "and leave `path` out, or give a folder with the four files"
        raise LandscapeError(f"Fashion-MNIST: no files in {folder}; {INSTALL}, {otherwise}")
    return idx_folder(
        folder, side, samples=samples, test_samples=test_samples, seed=seed, scale=scale, name="fashion-mnist"
    )


def idx_folder(
    path: str | Path,
    side: int = 28,
    *,
    samples: int | None = None,
    test_samples: int | None = None,
    seed: int = 0,
    scale: str = "standard",
    name: str = "images",
) -> Data:
    """Images in a folder with MNIST's four idx files, gzipped or not, as float64 (samples, side^2).

    Each pixel is the average of a square of the images' own, see `pooled`. `samples` and `test_samples` take so many at
    random, by `seed`; None takes all, in their order. `scale` "unit": pixels in [0, 1]; "standard": each pixel
    of mean 0 and variance 1 over the training samples. Raises LandscapeError for files that are missing or no idx
    files, ArgumentError for arguments out of range, MemoryLimitError when the arrays do not fit.
    """
    check_scale(scale)
    folder = Path(path)
    inputs, targets = _part(folder, "train", side, samples, "samples", seed, 0)
    held = _part(folder, "t10k", side, test_samples, "test_samples", seed, 1)
    return scaled(Data(inputs, targets, held[0], held[1], name=name), scale)


def pooled(images: Any, side: int) -> np.ndarray:
    """Square images (samples, n, n), or flat (samples, n^2), averaged over squares to (samples, side^2) float64.

    A square has n / side pixels a side; pixels that its edge cuts count by their area inside, so that the mean of an
    image stays. 7 makes of MNIST's 28 the small images of arXiv:1710.11029, where the squares are whole blocks. Raises
    ArgumentError unless the images are square and `side` is a whole number from 1 to n.
    """
    pixels = np.asarray(images)
    full = int(np.sqrt(pixels[0].size)) if pixels.ndim in (2, 3) and pixels.size else 0
    if not full or pixels[0].size != full**2 or (pixels.ndim == 3 and pixels.shape[1] != full):
        raise ArgumentError(
            f"images: got shape {pixels.shape}; square ones, (samples, n, n) or (samples, n^2), are needed"
        )
    if isinstance(side, bool) or not isinstance(side, (int, np.integer)) or not 1 <= side <= full:
        raise ArgumentError(f"side: got {side!r}; a whole number from 1 to the images' {full} is needed")
    if full % side == 0:
        block = full // side
        blocks = pixels.reshape(-1, side, block, side, block)
        return blocks.mean(axis=(2, 4), dtype=np.float64).reshape(-1, side * side)
    shares = _shares(full, side)
    return (shares @ pixels.reshape(-1, full, full).astype(np.float64) @ shares.T).reshape(-1, side * side)


def _shares(full: int, side: int) -> np.ndarray:
    """Share of each of `full` pixels in each of `side` stretches along a line, (side, full); rows sum to 1."""
    # In units of 1 / (full side) of the line all edges are whole numbers.
    begin, first = side * np.arange(full), full * np.arange(side)[:, None]
    inside = np.minimum(begin + side, first + full) - np.maximum(begin, first)
    return np.maximum(inside, 0) / full


def _part(folder, kind, side, count, argument, seed, chain):
    images, labels = _read(folder, f"{kind}-images-idx3-ubyte", 3), _read(folder, f"{kind}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise LandscapeError(f"{folder}: {len(images)} {kind} images with {len(labels)} labels; get the files anew")
    if count is not None:
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= len(images):
            raise ArgumentError(f"{argument}: got {count!r}; a whole number from 1 to {len(images)} is needed")
        chosen = np.sort(random_order(len(images), seed, chain)[:count])
        images, labels = images[chosen], labels[chosen]
    pixels = images[0].size if not isinstance(side, (int, np.integer)) else int(side) ** 2
    require_memory(24.0 * len(images) * pixels, f"{len(images)} images", "take fewer samples or a smaller side")
    return pooled(images, side) / 255.0, labels.astype(np.int64)


def _file(folder, name):
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read(folder, name, axes):
    """Bytes of an idx file as an array of `axes` axes: two zero bytes, type 8, the axes, each length in 4 bytes."""
    path = _file(folder, name)
    if path is None:
        raise LandscapeError(f"{folder}: has no {name} or {name}.gz; give a folder with MNIST's four files")
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise LandscapeError(f"{path}: cannot be read ({error}); get the file anew") from error
    start = 4 + 4 * axes
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], ">u4")) if len(raw) >= start else ()
    if raw[:4] != bytes([0, 0, 8, axes]) or len(raw) != start + int(np.prod(shape, dtype=np.int64)):
        raise LandscapeError(f"{path}: is no idx file of bytes with {axes} axes, or is cut short; get the file anew")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
