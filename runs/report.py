"""`entroscape report`: the figures drawn anew from results.h5, and one page with all of it inside."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mcmc.errors import ArgumentError, StoreError
from runs import load, page, tables
from runs.folder import RunFolder, shown
from runs.load import Run
from runs.results import assemble, draw, read_results, warnings_of

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing

ELSEWHERE = ("spec", "warnings", "schema", "kind")


def report(out: Path, bins: int | Literal["auto"] | None = None) -> list[str]:
    """Figures and report.html of a run's folder; lines for the terminal.

    The numbers are those of results.h5, unless `bins` asks to recompute them from the points' series with that many
    jackknife bins per chain, or with as many as the analysis chooses ("auto"). Raises StoreError where there is
    nothing to report, ArgumentError for bins below 2 or above the draws.
    """
    if isinstance(bins, int) and bins < 2:
        raise ArgumentError(f"--bins {bins}: needs an integer >= 2")
    folder = RunFolder(out)
    if not out.is_dir():
        raise StoreError(f"{out}: no such folder; give the folder of a run")
    if bins is None and folder.results.exists():
        results = read_results(folder.results)
        run = load.from_text(str(results.attrs["spec"]), str(folder.results))
    else:
        run = load.load(shown(out))
        results = assemble(folder, run, None if bins == "auto" else bins)
    lines = write_report(folder, run, results)
    if bins is not None and not run.experiment.uses_bins:
        lines.insert(0, f"--bins {bins}: errors of this experiment come from independent repeats, bins change nothing")
    return lines


def write_report(folder: RunFolder, run: Run, results: "xarray.Dataset") -> list[str]:
    """Draw and write; the summary, the warnings and where things are, one line each."""
    drawings = draw(run, results, folder.figures)
    said = run.experiment.summary(results)
    title = run.name if run.name != "results" else folder.root.resolve().name
    text = page.page(f"Entroscape: {title}", _body(title, run, results, drawings, said))
    temporary = folder.report.with_name(".report.html.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, folder.report)
    except OSError as error:
        raise StoreError(f"{folder.report}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    _remember(folder, drawings)
    lines = [*said, *(f"warning: {line}" for line in warnings_of(results))]
    lines += [f"figure: {drawing.png}" for drawing in drawings]
    return [*lines, f"results: {folder.results}", f"report: {folder.report}"]


def is_current(folder: RunFolder) -> bool:
    """Whether the page and every figure of it are there and show the present results.h5."""
    try:
        drawn = json.loads(folder.drawn.read_text(encoding="utf-8"))
        figures = [folder.figures / name for name in drawn["figures"]]
        return drawn["results"] == _digest(folder) and all(path.is_file() for path in (folder.report, *figures))
    except (OSError, ValueError, TypeError, KeyError):
        return False


def drawings_of(folder: RunFolder, run: Run, results: "xarray.Dataset") -> "list[Drawing]":
    """The figures that lie in a run's folder with their captions; drawn anew where they are not of these results."""
    from runs.figures import Drawing

    if is_current(folder):
        record = json.loads(folder.drawn.read_text(encoding="utf-8"))
        if "captions" in record:
            paths = {name: folder.figures / name for name in record["captions"]}
            return [Drawing(path.with_suffix(".png"), path.with_suffix(".pdf"), record["captions"][name])
                    for name, path in paths.items()]  # fmt: skip
    drawings = draw(run, results, folder.figures)
    _remember(folder, drawings)
    return drawings


def _remember(folder: RunFolder, drawings: "Sequence[Drawing]") -> None:
    figures = [path.name for drawing in drawings for path in (drawing.png, drawing.pdf)]
    # Without this record the page is only drawn once more.
    captions = {drawing.png.stem: drawing.caption for drawing in drawings}
    record = {"results": _digest(folder), "figures": figures, "captions": captions}
    with contextlib.suppress(OSError):
        folder.drawn.write_text(json.dumps(record), encoding="utf-8")


def _digest(folder: RunFolder) -> str:
    with folder.results.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _body(
    title: str, run: Run, results: "xarray.Dataset", drawings: "Sequence[Drawing]", said: Sequence[str]
) -> list[str]:
    kind = str(run.table["experiment"])
    about = (type(run.experiment).__doc__ or "").strip().splitlines()
    body = [
        f"<h1>{page.escape(title)}</h1>",
        f'<p class="lead">{page.escape(about[0] if about else kind)}</p>',
        page.paragraphs(said, "summary"),
        page.warnings_box(warnings_of(results)),
    ]
    if drawings:
        body.append(page.heading("Figures"))
        body += [page.image(drawing.png, drawing.caption) for drawing in drawings]
    body.append(page.heading("Numbers"))
    body.append(
        '<p class="lead">Digits in brackets are one standard error on the last places: 0.893(8) is 0.893 ± 0.008.</p>'
    )
    single = tables.scalars(results)
    if single is not None:
        body.append(page.table(single))
    body += [page.folded(grid.title, page.table(grid)) for grid in tables.grids(results)]
    body.append(page.heading("Provenance"))
    body.append(page.table(tables.Table("", [], list(_facts(results))), "keys"))
    body.append(page.folded("Run file, every default written out", page.preformatted(run.text)))
    return body


def _facts(results: "xarray.Dataset") -> Iterator[list[str]]:
    for name, value in results.attrs.items():
        if name in ELSEWHERE or value in ("", "{}"):
            continue
        said = str(value)
        if name == "versions":
            said = ", ".join(f"{package} {version}" for package, version in json.loads(said).items())
        yield [str(name).replace("_", " "), said]
