"""Pieces of a self-contained HTML page: nothing is fetched, images are inside."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from runs.tables import Table

CSS = """
:root { --ink: #1c1f24; --soft: #5d6672; --line: #d9dde3; --paper: #ffffff; --tint: #f5f7fa; --warn: #fff4d6; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--tint); color: var(--ink);
  font: 16px/1.55 "Source Serif 4", Charter, Georgia, "Times New Roman", serif; }
main { max-width: 60rem; margin: 2rem auto; padding: 2.5rem 3rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: 6px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .8rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
.lead { color: var(--soft); margin: 0; }
.summary { font-size: 1.1rem; padding: .8rem 1.1rem; background: var(--tint); border-left: 4px solid #31688e;
  margin: 1.4rem 0; }
.summary p { margin: .15rem 0; }
.warnings { background: var(--warn); border-left: 4px solid #c98a00; padding: .8rem 1.1rem; margin: 1.4rem 0; }
.warnings ul { margin: .3rem 0 0; padding-left: 1.2rem; }
figure { margin: 1.5rem 0; }
figure img { display: block; width: 100%; max-width: 46rem; height: auto; margin: 0 auto; }
figcaption { color: var(--soft); font-size: .92rem; max-width: 46rem; margin: .5rem auto 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; margin: .4rem 0 1rem; }
th { text-align: left; font-weight: 600; border-bottom: 1.5px solid var(--ink); padding: .3rem .9rem .3rem 0;
  vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: .22rem .9rem .22rem 0; vertical-align: top; }
details { margin: .3rem 0; }
summary { cursor: pointer; padding: .25rem 0; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 4px; padding: .9rem 1.1rem;
  font: .82rem/1.45 "JetBrains Mono", Menlo, Consolas, monospace; overflow-x: auto; }
.keys td:first-child { color: var(--soft); white-space: nowrap; }
.keys td { word-break: break-word; }
@media (max-width: 45rem) { main { margin: 0; padding: 1.2rem; border: 0; } }
@media print { body { background: none; } main { border: 0; margin: 0; max-width: none; } }
"""


def page(title: str, body: Sequence[str]) -> str:
    """A whole page."""
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style>"
    )
    content = "\n".join(body)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{content}\n</main></body></html>\n'


def heading(text: str) -> str:
    """A section's heading."""
    return f"<h2>{escape(text)}</h2>"


def paragraphs(lines: Sequence[str], kind: str) -> str:
    """Lines in a box of the class `kind`."""
    return f'<div class="{kind}">{"".join(f"<p>{escape(line)}</p>" for line in lines)}</div>' if lines else ""


def warnings_box(lines: Sequence[str]) -> str:
    """What the reader must know before believing the numbers; empty without warnings."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="warnings"><strong>Warnings</strong><ul>{items}</ul></div>'


def image(png: Path, caption: str) -> str:
    """A figure with the PNG inside the page."""
    data = base64.b64encode(png.read_bytes()).decode("ascii")
    alt = escape(caption or png.stem, quote=True)
    return (
        f'<figure><img alt="{alt}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(content: Table, kind: str = "") -> str:
    """A table without its title."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in content.headings)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in content.rows)
    top = f"<thead><tr>{head}</tr></thead>" if content.headings else ""
    return f'<div class="scroll"><table class="{kind}">{top}<tbody>{rows}</tbody></table></div>'


def folded(title: str, content: str, opened: bool = False) -> str:
    """Content behind a line that opens it."""
    return f"<details{' open' if opened else ''}><summary>{escape(title)}</summary>{content}</details>"


def preformatted(text: str) -> str:
    """Text as it is."""
    return f"<pre>{escape(text)}</pre>"
