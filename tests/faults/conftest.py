"""The same stage as the contract's: an emptied broker of each kind and a database beside it."""

from tests.contract.conftest import bootstrap, stage

__all__ = ["bootstrap", "stage"]
