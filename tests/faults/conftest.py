"""The same pipeline as in the contract tests, on each broker."""

from tests.contract.conftest import bootstrap, pipeline

__all__ = ["bootstrap", "pipeline"]
