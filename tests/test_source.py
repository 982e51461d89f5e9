"""Plugin code read without running it: parameters, digests, libraries."""

import importlib.metadata
import sys
import textwrap
import typing

import pytest

from harness import source
from harness.errors import CatalogError

CACHED = (source._find, source._tree, source._code_digest, source._closure, source._imports, source._version)


def forget():
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes files of the package `srcpkg`, each of which fails when it is imported."""
    (tmp_path / "srcpkg").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    forget()

    def write(**files):
        for name, text in files.items():
            path = tmp_path / "srcpkg" / (name.replace("__in__", "/") + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text) + "\nraise RuntimeError('this code was run')\n", encoding="utf-8")
        forget()

    write(__init__="")
    yield write
    assert not [name for name in sys.modules if name.partition(".")[0] == "srcpkg"]
    forget()


@pytest.fixture
def parameters(package):
    def of(text, attribute="f"):
        package(m=text)
        return source.parameters(f"srcpkg.m:{attribute}")

    return of


@pytest.fixture
def digest(package):
    def of(*targets, **files):
        package(**files)
        return source.digest(*(targets or ("srcpkg.m:f",)))

    return of


def test_parameters_of_a_function(parameters):
    found = parameters("def f(a: int, b: float = 1e-3, *rest, c, d: str = 'x', **others): pass")
    assert list(found) == ["a", "b", "c", "d"]
    assert [p.required for p in found.values()] == [True, False, True, False]
    assert found["b"] == source.Parameter("b", "float", float, 0.001, False)
    assert found["d"].default == "x"


def test_parameter_without_annotation_is_any(parameters):
    found = parameters("def f(a, *, b=None): pass")
    assert found["a"] == source.Parameter("a", "Any", typing.Any, None, True)
    assert found["b"] == source.Parameter("b", "Any", typing.Any, None, False)


def test_positional_only_arguments_are_no_parameters(parameters):
    """Parameters are bound by keyword, which these cannot be."""
    assert list(parameters("def f(a: int = 1, /, b: int = 2): pass")) == ["b"]


def test_parameters_of_a_class_are_those_of_its_init(parameters):
    found = parameters(
        """
        class F:
            width: int = 3
            def __init__(self, d_model: int, *, order: int = 8): pass
        """,
        "F",
    )
    assert list(found) == ["d_model", "order"]


def test_parameters_of_a_dataclass_are_its_fields(parameters):
    found = parameters(
        """
        from dataclasses import dataclass
        from typing import ClassVar
        @dataclass(frozen=True)
        class F:
            length: int
            lr: float = -1e-3
            kinds: ClassVar[list] = []
            NAME = "x"
            sizes: tuple[int, int] = (1, 2)
            def run(self, build, context): pass
        """,
        "F",
    )
    assert {name: (p.default, p.required) for name, p in found.items()} == {
        "length": (None, True),
        "lr": (-0.001, False),
        "sizes": ([1, 2], False),
    }


@pytest.mark.parametrize(
    "field", ["kinds: typing.ClassVar[int] = 1", "kinds: 'ClassVar[int]' = 1", "kinds: ClassVar = 1", "_: KW_ONLY"]
)
def test_what_is_no_field_is_no_parameter(parameters, field):
    found = parameters(f"@dataclass\nclass F:\n    a: int = 1\n    {field}\n    b: int = 2\n", "F")
    assert list(found) == ["a", "b"]


def test_parameters_that_a_class_inherits(parameters):
    found = parameters(
        """
        @dataclass
        class Base:
            a: int = 1
            b: int = 2
        @dataclass
        class F(Base):
            b: int = 3
            c: int = 4
        """,
        "F",
    )
    assert {name: p.default for name, p in found.items()} == {"a": 1, "b": 3, "c": 4}


@pytest.mark.parametrize(
    "imported",
    [
        "from srcpkg.base import Base",
        "from .base import Base",
        "from .again import Base",
        "from .base import A as Base",
    ],
)
def test_parameters_that_a_class_inherits_from_another_module(package, imported):
    package(
        base="class Root:\n    a: int = 1\nclass Base(Root):\n    b: int = 2\nA = 1\nclass A(Base): pass",
        again="from srcpkg.base import Base",
        m=f"{imported}\nclass F(Base):\n    b: int = 3\n    c: int = 4",
    )
    found = source.parameters("srcpkg.m:F")
    assert {name: p.default for name, p in found.items()} == {"a": 1, "b": 3, "c": 4}


def test_init_that_a_class_inherits(parameters):
    text = "class Base:\n    def __init__(self, a: int = 1): pass\nclass F(Base):\n    pass\n"
    assert list(parameters(text, "F")) == ["a"]


@pytest.mark.parametrize(
    "default",
    ["WIDTH", "2 ** 8", "list()", "field(default=3)", "[WIDTH]", "{1, 2}", "b'x'", "1j", "...", "{[]: 1}", "(b'x',)"],
)
def test_default_that_is_no_plain_literal(parameters, default):
    with pytest.raises(CatalogError, match=r"target 'srcpkg.m:f': the default of 'a' has to be a literal, not "):
        parameters(f"def f(*, a={default}): pass")


@pytest.mark.parametrize(
    ("default", "value"),
    [("None", None), ("-2", -2), ("[1, 2.5]", [1, 2.5]), ("(1, 2)", [1, 2]), ("{'a': True}", {"a": True}), ("()", [])],
)
def test_literal_default(parameters, default, value):
    assert parameters(f"def f(*, a={default}): pass")["a"].default == value


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("int", int),
        ("float | None", float | None),
        ("Literal['a', 'b']", typing.Literal["a", "b"]),
        ("Optional[str]", typing.Optional[str]),  # noqa: UP045 - what plugin authors may write
        ("tuple[int, ...]", tuple[int, ...]),
        ("dict[str, float]", dict[str, float]),
        ("'int'", int),
        ("Tensor", typing.Any),
        ("list[Tensor]", typing.Any),
        ("np.ndarray", typing.Any),
        ("'np.ndarray'", typing.Any),
        ("__import__('os').name", typing.Any),
    ],
)
def test_type_that_an_annotation_names(parameters, annotation, kind):
    assert parameters(f"def f(*, a: {annotation}): pass")["a"].type == kind


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("Rule", typing.Literal["mean", "sum"]),
        ("'Rule'", typing.Literal["mean", "sum"]),
        ("Rule | None", typing.Literal["mean", "sum"] | None),
        ("list[Rule]", list[typing.Literal["mean", "sum"]]),
        ("Theirs", typing.Literal[1, 2]),
        ("Declared", typing.Literal["a"]),
        ("Callback", typing.Any),  # names more than plain data
        ("Elsewhere", typing.Any),  # of another package, which is not read
    ],
)
def test_type_that_a_name_stands_for(package, annotation, kind):
    package(
        kinds="from typing import Literal\nSides = Literal[1, 2]",
        m=f"""
        from typing import Callable, Literal, TypeAlias
        from harness.stats.samples import Better as Elsewhere
        from srcpkg.kinds import Sides as Theirs
        Rule = Literal["mean", "sum"]
        Callback = Callable[[int], int]
        Declared: TypeAlias = Literal["a"]
        def f(*, a: {annotation}): pass
        """,
    )
    assert source.parameters("srcpkg.m:f")["a"].type == kind


def test_parameters_are_shown_with_what_their_types_stand_for(parameters):
    text = "from typing import Literal\nRule = Literal['mean', 'sum']\ndef f(*, a: Rule = 'mean'): pass"
    assert parameters(text)["a"].annotation == "Literal['mean', 'sum']"


def test_types_written_with_their_module_are_known_too(parameters):
    found = parameters("import typing\ndef f(*, a: typing.Literal['x']): pass")
    assert found["a"].type == typing.Literal["x"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("srcpkg.m", "target 'srcpkg.m' is not of the form 'package.module:attribute'"),
        ("srcpkg.m:a.b", "is not of the form"),
        (":f", "is not of the form"),
        ("srcpkg.m:nothing", r"m.py defines no function or class named 'nothing'"),
        ("srcpkg.nothing:f", "module 'srcpkg.nothing' cannot be found as Python source"),
        ("no_such_package.m:f", "module 'no_such_package.m' cannot be found as Python source"),
        ("math:sqrt", "module 'math' cannot be found as Python source"),
    ],
)
def test_target_that_cannot_be_found(package, target, message):
    package(m="def f(): pass")
    with pytest.raises(CatalogError, match=message):
        source.parameters(target)


def test_source_that_is_no_python(parameters):
    with pytest.raises(CatalogError, match=r"m.py:2: "):
        parameters("x = 1\ndef f(:\n    pass")


def test_relative_import_that_leaves_the_package(digest):
    with pytest.raises(CatalogError, match=r"m.py"):
        digest(m="from ...outside import x\ndef f(): pass")


CODE = "from .helper import g\ndef f(a: int = 1):\n    return g(a)\n"
HELPER = "from srcpkg.deep import far\ndef g(a):\n    return far.h(a)\n"


@pytest.fixture
def files():
    return {
        "m": CODE,
        "helper": HELPER,
        "deep__in____init__": "",
        "deep__in__far": "from ..near import k\ndef h(a):\n    return k\n",
        "near": "k = 1\n",
        "apart": "z = 1\n",
    }


def test_digest_is_stable(digest, files):
    first = digest(**files)
    assert first == digest(**files)
    assert len(first) == 16


def test_comments_docstrings_and_layout_do_not_count(digest, files):
    first = digest(**files)
    text = "'Doc.'\n# why\nfrom .helper import g\n\n\ndef f(a: int=1):\n    'Do.'\n    return (g(\n        a))\n"
    assert digest(**{**files, "m": text}) == first


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("m", "a: int = 1", "a: int = 2"),
        ("helper", "far.h(a)", "far.h(a) + 1"),
        ("deep__in__far", "return k", "return -k"),
        ("near", "k = 1", "k = 2"),
        ("deep__in____init__", "", "z = 3\n"),
    ],
)
def test_code_that_counts(digest, files, name, old, new):
    first = digest(**files)
    assert digest(**{**files, name: files[name].replace(old, new) if old else new}) != first


@pytest.mark.parametrize("name", ["__init__", "apart"])
def test_manifest_and_modules_that_are_not_imported_do_not_count(digest, files, name):
    first = digest(**files)
    assert digest(**{**files, name: "METHODS = ['another']\n"}) == first


@pytest.mark.parametrize(
    "statement",
    [
        "import srcpkg.near",
        "from srcpkg import near",
        "from srcpkg.near import k",
        "from . import near",
        "from .near import *",
        "def later():\n    from .near import k",
    ],
)
def test_every_form_of_import_is_followed(digest, statement):
    first = digest(m=f"{statement}\ndef f(): pass", near="k = 1")
    assert digest(m=f"{statement}\ndef f(): pass", near="k = 2") != first


def test_imports_in_a_circle_end(digest):
    assert len(digest(m="from .other import x\ndef f(): pass", other="from .m import f\nx = 1")) == 16


def test_code_of_a_package_on_the_way_counts(digest):
    """`import a.b.c` runs a/b/__init__.py too."""
    files = {"sub__in__m": "def f(): pass"}
    first = digest("srcpkg.sub.m:f", **files, sub__in____init__="x = 1")
    assert digest("srcpkg.sub.m:f", **files, sub__in____init__="x = 2") != first


def test_digest_of_several_targets_does_not_depend_on_their_order(digest):
    files = {"m": "def f(): pass", "other": "def g(): pass"}
    both = digest("srcpkg.m:f", "srcpkg.other:g", **files)
    assert both == digest("srcpkg.other:g", "srcpkg.m:f", **files)
    assert both != digest("srcpkg.m:f", **files)


def test_libraries_are_the_third_party_ones_with_their_versions(package):
    package(m="import os, numpy as np\nfrom .n import x\nfrom harness import Skip\ndef f(): pass", n="import yaml")
    found = source.libraries("srcpkg.m:f")
    assert list(found) == ["python", "numpy", "yaml"]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == importlib.metadata.version("numpy")
    assert found["yaml"].startswith("PyYAML 6")


def test_library_that_is_not_installed(package):
    package(m="def f():\n    import no_such_library\n")
    assert source.libraries("srcpkg.m:f")["no_such_library"] == "unknown"


def test_core_that_computes_counts_and_its_libraries_too(package):
    package(m="from harness.train import supervised\ndef f(): pass")
    assert source._closure("srcpkg.m") >= {"srcpkg.m", "harness.train", "harness.measure"}
    assert "torch" in source.libraries("srcpkg.m:f")
