"""How much memory there is, how amounts of it are written, and the refusal of what needs more."""

import os
from pathlib import Path, PurePosixPath

from mcmc.errors import MemoryLimitError

SMALL = 2**26
"""Bytes that are taken without looking at how many there are."""


def machine_memory(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes this machine, or the container or control group around the process, has.

    `cgroups` is where the groups are mounted, `own` the file that names those of this process (cgroups(7)); what
    cannot be read sets no limit.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _limit_files(cgroups, _read(own)):
        text = _read(path).strip()
        if text.isdigit():
            limits.append(int(text))
    return min(limits)


def require_memory(needed: float, what: str, advice: str) -> None:
    """Raise MemoryLimitError, naming `what` and the `advice`, when `needed` bytes are more than the machine has."""
    if needed > SMALL and needed > (there := machine_memory()):
        raise MemoryLimitError(
            f"{what} needs about {show_bytes(needed)} of memory and the machine has {show_bytes(there)}; {advice}"
        )


def show_bytes(count: float) -> str:
    """Bytes in binary units, three digits."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.3g} {unit}"


def _limit_files(cgroups: Path, groups: str) -> list[Path]:
    """Files with the limits of the process's groups and of all around them, up to the root."""
    files = [cgroups / "memory.max", cgroups / "memory" / "memory.limit_in_bytes"]
    for line in groups.splitlines():
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            root, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        # From inside a container a group may be named relative to another root: '..' leads nowhere here.
        parts = [part for part in PurePosixPath(group).parts if part not in ("/", "..")]
        files += [root.joinpath(*parts[:depth], name) for depth in range(1, len(parts) + 1)]
    return files


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
