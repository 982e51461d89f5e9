"""How far the preparation of a data set is: told by its function, heard by whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[int, int], None]

_listeners: list[Listener] = []


def tell(done: int, total: int) -> None:
    """Say that `done` of `total` parts of the data set are made; costs nothing where nobody listens."""
    for listener in _listeners:
        listener(done, total)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Have `listener(done, total)` called whenever the function of a data set tells how far it is."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
