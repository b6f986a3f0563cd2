"""The command `entroscape`. Everything heavy is imported inside the command that needs it: --help is instant."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

BAD_INPUT = 2
INTERRUPTED = 130

app = App(
    name="entroscape",
    help="Statistical-physics sampling, from a run file to a phase diagram.",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
    version=lambda: _version(),
)


@app.command
def run(
    spec: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    overrides: Annotated[tuple[str, ...], Parameter(name="--set", negative="", show_default=False)] = (),
    workers: int | None = None,
    dask: str | None = None,
    device: Literal["cpu", "cuda"] | None = None,
    stop_after: str | None = None,
) -> int:
    """Carry out a run, or resume it: points, results.h5, figures, report.html.

    Exit codes: 0 complete, 1 some points failed (they are named), 2 bad input, 3 stopped early and resumable.

    Parameters
    ----------
    spec
        A run file (TOML), the name of a bundled one (see `entroscape list`), or the folder of a run to go on with.
    out
        Folder of the run; by default the run file's name, here.
    overrides
        key=value in TOML, as in --set grid.size=[8,16]; may be given several times.
    workers
        Processes, one thread each; by default as many as cores and memory allow.
    dask
        Run the points on a dask cluster: its address (tcp://HOST:PORT), or `local`.
    device
        Processor of the sweeps.
    stop_after
        Finish the chunk in hand, checkpoint and end after this time: 90s, 55m, 1h30m.
    """
    from runs import execute, load

    loaded = load.load(spec, overrides, device)
    return execute.run(loaded, out or load.output_folder(spec), workers=workers, dask=dask, stop_after=stop_after)


@app.command
def status(folder: Path, /) -> int:
    """Points that are done, running, stopped, failed or missing, and the time left.

    Parameters
    ----------
    folder
        Folder of a run.
    """
    from runs.survey import status

    return _print(status(folder))


@app.command
def report(folder: Path, /, *, bins: int | Literal["auto"] | None = None) -> int:
    """Draw the figures and write one self-contained report.html, from results.h5 alone.

    Parameters
    ----------
    folder
        Folder of a run.
    bins
        Recompute errors and derived quantities from the stored series with this many jackknife bins per chain;
        `auto` chooses their length from tau_int, as a run does.
    """
    from runs.report import report

    return _print(report(folder, bins))


@app.command
def show(file: Path, /) -> int:
    """What a file holds: variables, dimensions, means with errors, tau_int, R-hat.

    Parameters
    ----------
    file
        A point's file or results.h5.
    """
    from runs.show import show

    return _print(show(file))


@app.command
def verify(path: Path, /) -> int:
    """Whole? Readable? Of one spec? Nothing lost? Exit code 1 when something is wrong.

    Parameters
    ----------
    path
        A file, or the folder of a run.
    """
    from runs.verify import verify

    findings = verify(path)
    _print(findings or [f"{path}: whole"])
    return 1 if findings else 0


@app.command
def gallery(
    *,
    out: Annotated[Path, Parameter(alias="-o")] = Path("gallery"),
    workers: int | None = None,
    only: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True, show_default=False)] = (),
) -> int:
    """Quick versions of all bundled runs, and one page with every figure, its number, its reference and its verdict.

    The same command again resumes, or does nothing. Exit codes: 0 complete, 1 a run failed (it is named), 2 bad
    input, 3 stopped early and resumable.

    Parameters
    ----------
    out
        Folder of the page, gallery.html, and of a folder for each run.
    workers
        Processes of a run, one thread each; by default as many as cores and memory allow.
    only
        Names of bundled run files; the page keeps what is there of others.
    """
    from runs.gallery import gallery

    return gallery(out, workers=workers, only=only)


@app.command(name="list")
def list_(kind: str | None = None, /) -> int:
    """Experiments with the keys of their run files, and the bundled run files.

    Parameters
    ----------
    kind
        One kind of experiment only.
    """
    from runs.listing import listing

    return _print(listing(kind))


@app.command
def validate() -> int:
    """Exact cases on this machine: a table of z-scores."""
    from runs import validate

    return validate.main()


@app.command
def bench(*, json: Path | None = None) -> int:
    """Time per update and per independent sample, against plain references timed in the same run.

    Parameters
    ----------
    json
        Also write the rows to this file.
    """
    from runs import bench

    return bench.main(json_path=json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. Bad input is one line on standard error (one per fault of a spec)."""
    from mcmc.errors import EntroscapeError, SpecError

    try:
        result = app(
            list(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except SpecError as error:
        if len(error.faults) == 1:
            return _refuse(str(error))
        lines = [f"{error.source}: {len(error.faults)} faults", *(f"  {fault}" for fault in error.faults)]
        return _refuse("\n".join(lines))
    except (EntroscapeError, CycloptsError) as error:
        return _refuse(" ".join(str(error).split()))
    except KeyboardInterrupt:
        print("entroscape: interrupted; what was committed is kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough; without this, Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _refuse(text: str) -> int:
    print(f"entroscape: {text}", file=sys.stderr)
    return BAD_INPUT


def _print(lines: Sequence[str]) -> int:
    print("\n".join(lines))
    return 0


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("entroscape")
    except PackageNotFoundError:
        return "unknown: running from a source tree that is not installed"


if __name__ == "__main__":
    sys.exit(main())
