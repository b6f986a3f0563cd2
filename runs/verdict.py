"""A measured number beside its reference: within its error, how far off, or not known well enough to say."""

import math
from typing import Literal, NamedTuple

import numpy as np

from runs.tables import plain, with_error

AGREES, DIFFERS, UNDECIDED = "agrees", "differs", "undecided"

LARGEST_SCORE = 3.0
"""Standard errors within which a number agrees with its reference: one in 370 is farther off by chance."""

LARGEST_OF_MANY = 4.9
"""For the largest of many scores: a false alarm once in a million for each."""

DECIDED = 2.0
"""Standard errors that a number must be away from a bound to be called above or below it."""

UNLIKELY = 1e-3
"""Below this probability a null hypothesis is rejected."""

Relation = Literal["equal", "at most", "at least", "above", "below"]


class Verdict(NamedTuple):
    """One comparison: `measured` should be `relation` to `reference`."""

    name: str
    measured: float
    error: float | None
    """One standard error; None for a number without, such as the largest of many scores."""
    reference: float
    source: str
    """Where the reference comes from."""
    relation: Relation = "equal"
    reference_error: float = 0.0
    undecided: str = ""
    """Why nothing follows from the numbers; empty where they decide."""

    @property
    def score(self) -> float:
        """(measured - reference) over the standard error of the difference; NaN without an error."""
        error = math.hypot(self.error or 0.0, self.reference_error)
        if not math.isfinite(error) or error <= 0:
            return math.nan
        return (self.measured - self.reference) / error

    @property
    def state(self) -> str:
        """AGREES, DIFFERS or UNDECIDED."""
        if self.undecided or not math.isfinite(self.reference) or math.isnan(self.measured):
            return UNDECIDED
        if self.relation == "at most":
            return AGREES if self.measured <= self.reference else DIFFERS
        if self.relation == "at least":
            return AGREES if self.measured >= self.reference else DIFFERS
        if math.isnan(self.score):
            return UNDECIDED
        if self.relation == "equal":
            return AGREES if abs(self.score) <= LARGEST_SCORE else DIFFERS
        toward = self.score if self.relation == "above" else -self.score
        if abs(toward) < DECIDED:
            return UNDECIDED
        return AGREES if toward > 0 else DIFFERS

    @property
    def said(self) -> str:
        """The verdict in words."""
        if self.undecided:
            return f"undecided: {self.undecided}"
        score = self.score
        if math.isnan(score):
            return {AGREES: "agrees", DIFFERS: "differs", UNDECIDED: "undecided: no error bar"}[self.state]
        if self.state == UNDECIDED:
            return f"undecided: {abs(score):.1f} standard errors from {plain(self.reference)}"
        if self.relation == "equal" and self.state == AGREES:
            return f"agrees within errors: {score:+.1f} standard errors"
        if self.relation in ("above", "below"):
            return f"{self.state}: {'above' if score > 0 else 'below'} by {abs(score):.1f} standard errors"
        return f"{self.state}: {score:+.1f} standard errors"

    @property
    def shown(self) -> str:
        """The measured number with its error."""
        return with_error(self.measured, self.error)

    @property
    def expected(self) -> str:
        """The reference, with what is asked of the number."""
        sign = {"equal": "", "at most": "<= ", "at least": ">= ", "above": "> ", "below": "< "}[self.relation]
        return sign + with_error(self.reference, self.reference_error or None)


def largest_score(name: str, scores: np.ndarray, source: str) -> list[Verdict]:
    """The largest |z| of many against exact answers; nothing where there is none."""
    known = np.abs(np.asarray(scores, float))
    known = known[~np.isnan(known)]
    if not known.size:
        return []
    return [
        Verdict(f"{name}, largest |z| of {known.size}", float(known.max()), None, LARGEST_OF_MANY, source, "at most")
    ]


def detailed_balance(name: str, p_value: float, holds: bool) -> Verdict:
    """A p-value of detailed balance by time reversal: UNLIKELY or more where it `holds`, less where it is broken."""
    relation: Relation = "at least" if holds else "at most"
    return Verdict(f"{name}: p of detailed balance", p_value, None, UNLIKELY, "time reversal", relation)
