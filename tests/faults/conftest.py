"""Fixtures of the fault suite."""

from harness.testing import faulty  # noqa: F401 - a fixture
