"""Plugin code read without running it: a target's parameters, and a digest of the code that its outcome depends on.

A target "module:attr" names a function or class written in that module. Reading it instead of importing it is
what keeps `bench list`, `bench show` and the check of a whole suite free of torch.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib.metadata
import importlib.util
import sys
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import CatalogError
from harness.spec import JSON

# Modules of the core whose code shapes the numbers of a run; a change in any other leaves stored results valid.
COMPUTING_MODULES = frozenset({"harness.scoring", "harness.train", "harness.measure", "harness.speed", "harness.data"})


@dataclass(frozen=True)
class Parameter:
    """A keyword argument of a target: its annotation, with what its names stand for, the type it names, its default."""

    name: str
    annotation: str
    type: Any
    default: JSON
    required: bool


def parameters(target: str) -> dict[str, Parameter]:
    """Return the parameters of a target, in order.

    A function's arguments, a class's ``__init__`` arguments, or a dataclass's fields; what a class inherits from a
    class of its module, or from one imported by ``from module import Class``, counts. Raises CatalogError where the
    target cannot be found or a default is not a literal of plain data.
    """
    module, attribute = _split(target)
    definition = _definition(module, attribute)
    if definition is None:
        raise CatalogError(f"target '{target}': {_file(module)} defines no function or class named '{attribute}'")
    if isinstance(definition, ast.FunctionDef):
        found = list(_of_arguments(definition.args, module, target, skip=0))
    else:
        found = _of_class(definition, module, target)
    return {parameter.name: parameter for parameter in found}


def digest(*targets: str) -> str:
    """Return a digest of the code behind targets: their modules and all that these import from their own package.

    Comments, docstrings and layout do not count. The package's top module, which holds the manifest, does not
    either, so that adding a method leaves the results of its neighbours valid.
    """
    names = sorted(set().union(*(_closure(_split(target)[0]) for target in targets)))
    return hashlib.sha256("\n".join(f"{name} {_code_digest(name)}" for name in names).encode()).hexdigest()[:16]


def libraries(*targets: str) -> dict[str, str]:
    """Return the versions of the third-party libraries that the code behind targets imports, and Python's."""
    imported = set().union(*(_imports(name) for target in targets for name in _closure(_split(target)[0])))
    own = {_top(_split(target)[0]) for target in targets} | {"harness"}
    tops = {_top(name) for name in imported} - set(sys.stdlib_module_names) - own
    return {"python": ".".join(map(str, sys.version_info[:3])), **{top: _version(top) for top in sorted(tops)}}


def _top(module: str) -> str:
    return module.partition(".")[0]


def _split(target: str) -> tuple[str, str]:
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute.isidentifier()):
        raise CatalogError(f"target '{target}' is not of the form 'package.module:attribute'")
    return module, attribute


def _definition(module: str, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
    return None


def _of_class(definition: ast.ClassDef, module: str, target: str) -> list[Parameter]:
    for node in definition.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return list(_of_arguments(node.args, module, target, skip=1))
    bases = [_base(module, base.id) for base in definition.bases if isinstance(base, ast.Name)]
    inherited = [p for home, base in bases if isinstance(base, ast.ClassDef) for p in _of_class(base, home, target)]
    return inherited + list(_of_fields(definition, module, target))


def _base(module: str, name: str) -> tuple[str, ast.FunctionDef | ast.ClassDef | None]:
    """Return the module and the definition of a class that `module` defines or imports by its name."""
    found = _definition(module, name)
    imported = None if found else _imported(module, name)
    return _base(*imported) if imported else (module, found)


def _imported(module: str, name: str) -> tuple[str, str] | None:
    """Return from which module, whose source can be found, `module` imports a name, and what it is called there."""
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                home = _imported_from(module, node)
                if (alias.asname or alias.name) == name and _find(home) is not None:
                    return home, alias.name
    return None


def _of_arguments(arguments: ast.arguments, module: str, target: str, skip: int) -> Iterator[Parameter]:
    positional = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    # Parameters are bound by name, which those before a "/" cannot be.
    for argument, default in list(zip(positional, defaults, strict=True))[max(skip, len(arguments.posonlyargs)) :]:
        yield _parameter(argument.arg, argument.annotation, default, module, target)
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument.arg, argument.annotation, keyword_default, module, target)


def _of_fields(definition: ast.ClassDef, module: str, target: str) -> Iterator[Parameter]:
    for node in definition.body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        kind = _text(node.annotation).partition("[")[0].rpartition(".")[2]
        if kind not in ("ClassVar", "KW_ONLY"):
            yield _parameter(node.target.id, node.annotation, node.value, module, target)


def _parameter(name: str, annotation: ast.expr | None, default: ast.expr | None, module: str, target: str) -> Parameter:
    text = "Any" if annotation is None else _text(annotation, module)
    try:
        value = None if default is None else _plain(ast.literal_eval(default))
    except (ValueError, TypeError):
        raise CatalogError(
            f"target '{target}': the default of '{name}' has to be a literal, not {ast.unparse(default)}"  # type: ignore[arg-type]
        ) from None
    return Parameter(name, text, _type(text), value, default is None)


def _plain(value: Any) -> JSON:
    """Return a value as the plain data that it is stored as, a tuple as a list; ValueError for anything else."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError


def _text(annotation: ast.expr, module: str = "") -> str:
    """Return an annotation as written, without the quotes of one that is a string.

    What it names that a `module` defines, as in ``Rule = Literal["mean", "sum"]``, or imports, stands there itself.
    """
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        text = annotation.value
        try:
            annotation = ast.parse(text, mode="eval").body
        except SyntaxError:
            return text
    return ast.unparse(_Aliases(module).visit(copy.deepcopy(annotation)) if module else annotation)


class _Aliases(ast.NodeTransformer):
    """Puts in place of each name the expression that a module assigns to it, where that names plain data."""

    def __init__(self, module: str) -> None:
        self._module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = _alias(self._module, node.id)
        return node if found is None or _type(ast.unparse(found)) is typing.Any else found


def _alias(module: str, name: str) -> ast.expr | None:
    """Return the expression that `module`, or one of its package that it imports the name from, assigns to it."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return node.value
    imported = _imported(module, name)
    return _alias(*imported) if imported and _top(imported[0]) == _top(module) else None


def _type(annotation: str) -> Any:
    """Return the type that an annotation names, or Any where it names more than plain data."""
    names = {name: getattr(typing, name) for name in ("Any", "Literal", "Optional", "Union")}
    plain = {t.__name__: t for t in (bool, int, float, str, list, dict, tuple)}
    try:
        return eval(annotation, {"__builtins__": {}}, {"typing": typing, **names, **plain})
    except (NameError, AttributeError, TypeError, SyntaxError):
        return typing.Any


def _file(module: str) -> Path:
    path = _find(module)
    if path is None:
        raise CatalogError(f"module '{module}' cannot be found as Python source")
    return path


@cache
def _find(module: str) -> Path | None:
    """Return the source file of a module, without importing it or any package on the way to it."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        base = Path(folder, *rest)
        for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


@cache
def _tree(module: str) -> ast.Module:
    file = _file(module)
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        raise CatalogError(f"{file}:{error.lineno}: {error.msg}") from None


@cache
def _code_digest(module: str) -> str:
    tree = ast.parse(
        _file(module).read_bytes()
    )  # a tree of its own: stripping docstrings must not touch the shared one
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            has_docstring = ast.get_docstring(node, clean=False) is not None
            node.body = node.body[has_docstring:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _closure(module: str) -> frozenset[str]:
    """Return the modules of the same package, and the computing modules of the core, that a module comes to import.

    Importing a.b.c runs a.b too; only the top module, the manifest, is left out, unless it is where the target is.
    """
    package = _top(module)
    found, todo = set[str](), [module]
    while todo:
        name = todo.pop()
        computes = name in COMPUTING_MODULES or name.rpartition(".")[0] in COMPUTING_MODULES
        inside = computes or (name.startswith(package + ".") and package != "harness")
        inside = inside or name == module
        if inside and name not in found and _find(name) is not None:
            found.add(name)
            todo += [*_imports(name), name.rpartition(".")[0]]
    return frozenset(found)


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the names that a module imports, made absolute; `from a import b` gives both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _imported_from(module, node)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(names)


def _imported_from(module: str, node: ast.ImportFrom) -> str:
    """Return the absolute name of the module that an import statement of `module` names."""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    try:
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError as error:
        raise CatalogError(f"{_file(module)}:{node.lineno}: {error}") from None


@cache
def _version(top: str) -> str:
    try:
        return importlib.metadata.version(top)
    except importlib.metadata.PackageNotFoundError:
        # The import name is not the distribution's (sklearn, yaml): the mapping is slow, so it is asked last.
        owners = importlib.metadata.packages_distributions().get(top, [])
        return ", ".join(f"{owner} {importlib.metadata.version(owner)}" for owner in sorted(set(owners))) or "unknown"
