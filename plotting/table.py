"""A table: text cells for people and, beside them, records with the unrounded numbers."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from plotting.results import Estimate

_SYMBOLS = {
    "Ĵ": r"\hat{J}",
    "J̄": r"\bar{J}",
    "ρ̄": r"\bar{\rho}",
    "ρ": r"\rho",
    "λ": r"\lambda",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "μ": r"\mu",
    "-": "-",
}
# A symbol with its index, or the minus sign of a number.
_FORMULA = re.compile(r"((?:Ĵ|J̄|ρ̄|ρ|λ|γ|δ|ε|μ)(?:_\w)?|(?<![\w.])-(?=\d))")
_ESCAPES = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"–": "--", "−": "$-$", "≤": r"$\leq$", "±": r"$\pm$"}
)


@dataclass(frozen=True)
class Table:
    """Cells as text, row by row, under a title; notes follow; records hold the numbers."""

    name: str
    """Of its files, without suffix."""
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...]
    records: list[dict]

    def markdown(self) -> str:
        """The table with aligned columns, to be read as it is or rendered."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        padded = [
            "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        rule = "| " + " | ".join("-" * max(3, width) for width in widths) + " |"
        body = "\n".join([padded[0], rule, *padded[1:]])
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"### {self.title}\n\n{body}\n" + (f"{notes}\n" if notes else "")

    def latex(self) -> str:
        """The table as a LaTeX `tabular`, notes and title as comments."""
        lines = [f"% {self.title}", *(f"% {note}" for note in self.notes)]
        lines += [rf"\begin{{tabular}}{{{'l' * len(self.columns)}}}", r"\hline"]
        rows = [" & ".join(map(_latex, line)) + r" \\" for line in (self.columns, *self.rows)]
        lines += [rows[0], r"\hline", *rows[1:], r"\hline", r"\end{tabular}"]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """The unrounded numbers, one record a line."""
        text = io.StringIO()
        fields = list(self.records[0]) if self.records else []
        writer = csv.DictWriter(text, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records)
        return text.getvalue()

    def write(self, folder: Path) -> None:
        """Writes the table into a folder as Markdown, LaTeX and CSV."""
        for suffix, text in (("md", self.markdown()), ("tex", self.latex()), ("csv", self.csv())):
            (folder / f"{self.name}.{suffix}").write_text(text, encoding="utf-8")


def show_with_error(estimate: Estimate | None) -> str:
    """A score with its standard error, where that is known; n/a for None."""
    if estimate is None or estimate.value is None:
        return show(None)
    text = show(estimate.value)
    return text if estimate.error is None else f"{text} ± {show(estimate.error)}"


def show(value: float | None) -> str:
    """A normalised score as the paper prints it; n/a for None."""
    if value is None:
        return "n/a"
    if value == 0:
        return "0.0"
    return f"{value:z.3f}" if abs(value) < 1e5 else f"{value:.3g}"


def _latex(text: str) -> str:
    """Plain text for LaTeX: our symbols and minus signs as formulas, special signs escaped."""
    found = ""
    for part in _FORMULA.split(text):
        symbol, _, index = part.partition("_")
        if symbol in _SYMBOLS:
            found += f"${_SYMBOLS[symbol]}{'_' + index if index else ''}$"
        else:
            found += part.translate(_ESCAPES)
    return found
