"""The page of the gallery: every run with its numbers, their references and verdicts, and its figures inside."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcmc.errors import EntroscapeError
from runs import load, page
from runs.gallery_talk import SLIDES, slides_of
from runs.report import drawings_of
from runs.results import read_results, warnings_of
from runs.spec import show_value
from runs.status import show_time
from runs.verdict import AGREES, DIFFERS, LARGEST_SCORE, UNDECIDED, Verdict

if TYPE_CHECKING:
    from runs.figures import Drawing
    from runs.gallery import Entry

NONE = "none"
MOST_LINES = 4
"""Of a summary that are not folded away."""

STYLE = """<style>
.agrees { color: #1a7f4b; } .differs { color: #b3261e; font-weight: 600; } .undecided { color: #946200; }
.none { color: var(--soft); } td.verdict { white-space: nowrap; }
nav:not(.talk) td:first-child { white-space: nowrap; } section { margin-top: 3.2rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
</style>"""


@dataclass(frozen=True)
class Section:
    """What the page says of one run."""

    entry: "Entry"
    overrides: Mapping[str, Any]
    said: Sequence[str] = ()
    verdicts: Sequence[Verdict] = ()
    warnings: Sequence[str] = ()
    drawings: "Sequence[Drawing]" = ()
    seconds: float = 0.0
    fault: str = field(default="")
    """Why results that are there cannot be shown."""

    @property
    def state(self) -> str:
        """The worst verdict, or NONE."""
        states = {verdict.state for verdict in self.verdicts}
        return next((state for state in (DIFFERS, UNDECIDED, AGREES) if state in states), NONE)

    @property
    def headline(self) -> str:
        """The first number that has an error and a reference, or a verdict without an error, or what is said first."""
        first = next((verdict for verdict in self.verdicts if verdict.error is not None), None)
        chosen = first or next(iter(self.verdicts), None)
        if chosen is None:
            return self.said[0] if self.said else ""
        return f"{chosen.name}: {chosen.shown}, reference {chosen.expected}"

    @property
    def told(self) -> str:
        """The run in a few words: what became of it, and how many verdicts of each kind."""
        if self.fault or self.entry.message:
            return f"{self.entry.state if not self.fault else 'failed'}: {self.fault or self.entry.message}"
        if not self.verdicts:
            return "no reference"
        count = Counter(verdict.state for verdict in self.verdicts)
        if len(self.verdicts) == 1:
            return self.verdicts[0].said
        return ", ".join(f"{count[state]} {_kind(state)}" for state in (AGREES, DIFFERS, UNDECIDED) if count[state])


def section(entry: "Entry", overrides: Mapping[str, Any]) -> Section:
    """Read a run's results and figures, and let its experiment say what they mean."""
    if not entry.folder.results.is_file():
        return Section(entry, overrides)
    try:
        results = read_results(entry.folder.results)
        drawings = drawings_of(entry.folder, entry.run, results)
        experiment = entry.run.experiment
        return Section(
            entry, overrides, experiment.summary(results), experiment.verdicts(results), warnings_of(results), drawings,
            float(results.attrs.get("computing_seconds", 0.0)),
        )  # fmt: skip
    except EntroscapeError as error:
        return Section(entry, overrides, fault=str(error))
    except Exception as error:
        # One experiment's figures or verdicts at fault must not take the page of all others with them.
        return Section(entry, overrides, fault=" ".join(f"{type(error).__name__}: {error}".split()))


def gallery_page(sections: Sequence[Section]) -> str:
    """The whole page."""
    body = [
        STYLE,
        "<h1>Entroscape: gallery</h1>",
        '<p class="lead">The quick version of every bundled run: its figures, its numbers with one standard error in '
        "brackets, published or exact values beside them, and whether they agree.</p>",
        page.paragraphs(_totals(sections), "summary"),
        _overview(sections),
        _talk(sections),
    ]
    body += [line for one in sections for line in _section(one)]
    return page.page("Entroscape: gallery", body)


def _totals(sections: Sequence[Section]) -> list[str]:
    verdicts = [verdict for one in sections for verdict in one.verdicts]
    count = Counter(verdict.state for verdict in verdicts)
    equal = sum(verdict.relation == "equal" for verdict in verdicts)
    lines = [
        f"{len(sections)} runs, {sum(len(one.drawings) for one in sections)} figures, {len(verdicts)} comparisons: "
        f"{count[AGREES]} agree, {count[DIFFERS]} differ, {count[UNDECIDED]} undecided."
    ]
    if equal:
        lines.append(
            f"A number agrees within {LARGEST_SCORE:g} standard errors; of {equal} such comparisons "
            f"{0.0027 * equal:.2g} are expected farther off by chance."
        )
    for state, said in (("failed", "Failed"), ("left out", "Left out"), ("not complete", "Not complete")):
        names = [one.entry.name for one in sections if (FAULT if one.fault else one.entry.state) == state]
        if names:
            lines.append(f"{said}: {', '.join(names)}.")
    return lines


FAULT = "failed"


def _overview(sections: Sequence[Section]) -> str:
    rows = []
    for one in sections:
        name = page.escape(one.entry.name)
        kind = DIFFERS if one.fault or one.entry.state == FAULT else one.state
        number = page.escape(one.headline)
        rows.append(
            f'<tr><td><a href="#{name}">{name}</a></td><td>{number}</td>'
            f'<td class="{kind}">{page.escape(one.told)}</td></tr>'
        )
    head = "<thead><tr><th>run</th><th>number</th><th>verdict</th></tr></thead>"
    return f'<nav class="scroll"><table>{head}<tbody>{"".join(rows)}</tbody></table></nav>'


def _talk(sections: Sequence[Section]) -> str:
    """The slides in their order, each with its figures; those of runs that are not on the page are left out."""
    drawn = {one.entry.name: {drawing.png.stem for drawing in one.drawings} for one in sections}
    rows = []
    for slide in SLIDES:
        links = [
            f'<a href="#{_anchor(name, stem)}">{page.escape(f"{name}: {stem}")}</a>'
            for name, stems in slide.shown.items()
            for stem in stems
            if stem in drawn.get(name, ())
        ]
        shown = ", ".join(links) or '<span class="none">not on this page</span>'
        rows.append(f"<tr><td>{page.escape(slide.title)}</td><td>{shown}</td></tr>")
    head = "<thead><tr><th>slide of the talk</th><th>figures</th></tr></thead>"
    return f'<nav class="scroll talk"><table>{head}<tbody>{"".join(rows)}</tbody></table></nav>'


def _anchor(name: str, stem: str) -> str:
    return page.escape(f"{name}--{stem}", quote=True)


def _section(one: Section) -> list[str]:
    name = one.entry.name
    body = [
        f'<section id="{page.escape(name, quote=True)}">',
        page.heading(name),
        f'<p class="lead">{page.escape(load.headline(load.bundled()[name]))}</p>',
        f'<p class="lead">Of the talk: {page.escape("; ".join(slides_of(name)))}.</p>',
    ]
    trouble = one.fault or one.entry.message
    if trouble:
        body.append(page.warnings_box([f"{FAULT if one.fault else one.entry.state}: {trouble}"]))
    body.append(page.paragraphs(one.said[:MOST_LINES], "summary"))
    if one.said[MOST_LINES:]:
        body.append(page.folded("More numbers", page.paragraphs(one.said[MOST_LINES:], "summary")))
    if one.verdicts:
        body.append(_verdicts(one.verdicts))
    elif one.said:
        body.append('<p class="none">No published or exact value to compare with: no verdict.</p>')
    for drawing in one.drawings:
        body.append(f'<div id="{_anchor(name, drawing.png.stem)}">{page.image(drawing.png, drawing.caption)}</div>')
    if one.warnings:
        box = page.warnings_box(one.warnings)
        few = len(one.warnings) <= 2
        body.append(box if few else page.folded(f"{len(one.warnings)} warnings of the analysis", box))
    body += [_how(one), "</section>"]
    return body


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    rows = [
        f"<tr><td>{page.escape(verdict.name)}</td><td>{page.escape(verdict.shown)}</td>"
        f"<td>{page.escape(verdict.expected)}</td><td>{page.escape(verdict.source)}</td>"
        f'<td class="verdict {verdict.state}">{page.escape(verdict.said)}</td></tr>'
        for verdict in verdicts
    ]
    headings = "".join(f"<th>{text}</th>" for text in ("number", "measured", "reference", "source", "verdict"))
    body = "".join(rows)
    return f'<div class="scroll"><table><thead><tr>{headings}</tr></thead><tbody>{body}</tbody></table></div>'


def _how(one: Section) -> str:
    changed = "\n".join(f"{key} = {show_value(value)}" for key, value in one.overrides.items())
    time = f", {show_time(one.seconds)} of computing" if one.seconds else ""
    content = page.preformatted(f"# entroscape run {one.entry.name}, with these keys changed\n{changed}")
    return page.folded(f"Quick version{time}; the full one: entroscape run {one.entry.name}", content)


def _kind(state: str) -> str:
    return {AGREES: "agree", DIFFERS: "differ", UNDECIDED: "undecided"}[state]
