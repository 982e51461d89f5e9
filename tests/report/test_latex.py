"""LaTeX: compiled where there is a LaTeX, and always read by a parser."""

import re
import shutil
import subprocess

import pytest
from pylatexenc.latexwalker import LatexWalker

from harness.catalog import load_catalog
from harness.report import latex
from harness.report.write import write_report

ENGINE = shutil.which("pdflatex")


@pytest.fixture(scope="module", params=["plain", "hostile"])
def written(request, made, hostile, tmp_path_factory):
    """The folder of a report in LaTeX, with its plots."""
    folder = tmp_path_factory.mktemp(request.param)
    found = hostile if request.param == "hostile" else made(3, 3, 2, published=True)
    write_report(found, load_catalog(), folder, ["latex"], plots=request.param == "plain")
    return folder


def test_document_and_tables_are_well_formed(written):
    for name in ("report.tex", "leaderboard.tex"):
        text = (written / name).read_text(encoding="utf-8")
        LatexWalker(text, tolerant_parsing=False).get_latex_nodes()  # raises for what is not balanced
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        for table in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", text, flags=re.DOTALL):
            lines = [line for line in table[1].splitlines() if line.endswith(r"\\")]
            assert lines
            assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {len(table[0]) - 1}
        assert rows
        assert (
            text.count(r"\toprule")
            == text.count(r"\bottomrule")
            == text.count(r"\begin{tabular}")
            == 3 + ("hostile" not in str(written))
        )
        assert r"\textbf{" in text


@pytest.mark.skipif(ENGINE is None, reason="no pdflatex is installed here: only the parser checks the LaTeX")
def test_document_compiles(written):
    command = [str(ENGINE), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex"]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (written / "report.pdf").read_bytes()[:4] == b"%PDF"
    assert not re.search(r"(Overfull \\hbox \((\d{2,})|Missing character)", done.stdout)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b & 5 % of $x$", r"a\_b \& 5 \% of \$x\$"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("Gu, Goel, Ré ± 2 ↑", r"Gu, Goel, Ré $\pm$ 2 $\uparrow$"),
        ("中λ", r"\texttt{U+4E2D}$\lambda$"),
        ("two\nlines", "two lines"),
    ],
)
def test_escaping(text, shown):
    assert latex.escape(text) == shown
