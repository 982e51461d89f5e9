"""Leaderboards in LaTeX: tables with booktabs to \\input into a paper, and a document of them that compiles by itself.

All text is escaped; a character that LaTeX's T1 fonts lack is written as its code, such as U+4E2D.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.published import Published
from harness.report import ledger, overall, tables
from harness.report.plot import Plot
from harness.results import Judgement, Leaderboard, Overview
from harness.text import one_line

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "'": r"\textquotesingle{}", "`": r"\textasciigrave{}",
    "±": r"$\pm$", "–": "--", "—": "---", "−": r"$-$", "×": r"$\times$", "·": r"$\cdot$", "…": r"\dots{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$", "≤": r"$\leq$", "≥": r"$\geq$", "∞": r"$\infty$",
    "√": r"$\surd$", "²": r"$^2$", "³": r"$^3$", "µ": r"\textmu{}", "°": r"\textdegree{}", "“": "``", "”": "''",
    "‘": "`", "’": "'", "„": ",,", "\u00a0": "~",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau",
    "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
# The letters beyond ASCII that T1 has and inputenc knows.
_LETTERS = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿĂăĄąĆćČčĎďĐđĘęĚěĞğİıĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚś"
               "ŞşŠšŢţŤťŮůŰűŸŹźŻżŽž")  # fmt: skip

PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{textcomp}
\usepackage[a4paper,margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\setlength{\tabcolsep}{4pt}
\newcommand{\fitted}[1]{\sbox0{#1}\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi}
"""


def escape(text: str) -> str:
    """Return text that LaTeX shows as it is, on one line."""
    return "".join(map(_character, one_line(text)))


def _character(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if c in _GREEK:
        return f"$\\{_GREEK[c]}$"
    return c if c.isascii() or c in _LETTERS else rf"\texttt{{U+{ord(c):04X}}}"


def leaderboard(board: Leaderboard, numbers: Mapping[str, Published]) -> str:
    """Return a leaderboard as a table with booktabs; the best, and what is like it, in bold."""
    header, lines, notes = tables.whole(board, numbers)
    rows = [list(map(escape, line)) for line in lines]
    for row, standing in zip(rows, board.standings, strict=False):
        if standing.like_best:
            row[1:3] = [rf"\textbf{{{cell}}}" for cell in row[1:3]]
    return _table(tables.title(board), header, rows, notes)


def all_tasks(overview: Overview) -> str:
    """Return methods over all tasks as a table."""
    best = overall.like_best(overview)
    rows = [list(map(escape, overall.line(i, one))) for i, one in enumerate(overview.standings, start=1)]
    for row, one in zip(rows, overview.standings, strict=True):
        if one.method in best:
            row[1] = rf"\textbf{{{row[1]}}}"
    return _table(overall.title(overview), overall.HEADER, rows, [overall.LEGEND, *overall.notes(overview)])


def claims(judgements: Sequence[Judgement]) -> str:
    """Return the ledger of claims as a table."""
    rows = [list(map(escape, ledger.ledger_line(one))) for one in judgements]
    words = [f"{one.claim.id} ({one.claim.source}): {one.claim.statement}" for one in judgements]
    return _table("Claims", ledger.LEDGER, rows, words)


def document(title: str, intro: str, parts: Iterable[str], plots: Sequence[Plot]) -> str:
    """Return a document that holds tables, and the plots' PDF files from `plots/` beside it."""
    figures = [
        "\\begin{figure}[p]\n\\centering\n"
        f"\\includegraphics[width=\\linewidth,height=.85\\textheight,keepaspectratio]{{plots/{plot.name}.pdf}}\n"
        f"\\caption{{{escape(plot.title)}. {escape(plot.caption)}}}\n\\end{{figure}}\n"
        for plot in plots
        if plot.draw
    ]
    body = "\n".join([*parts, "\\clearpage", *figures])
    head = f"\\title{{{escape(title)}}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n{escape(intro)}\n\n"
    return f"{PREAMBLE}{head}{body}\n\\end{{document}}\n"


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], notes: Sequence[str]) -> str:
    columns = "".join("l" if i == 1 else "r" for i in range(len(header)))
    lines = "\n".join(" & ".join(row) + r" \\" for row in rows)
    notes_ = "\n\n".join(map(escape, notes))
    return (
        f"\\subsection*{{{escape(title)}}}\n\\noindent\\fitted{{%\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{' & '.join(map(escape, header))} \\\\\n\\midrule\n{lines}\n\\bottomrule\n\\end{{tabular}}}}\n\n"
        f"{{\\footnotesize {notes_}\\par}}\n"
    )
