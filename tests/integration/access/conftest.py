"""Fixtures of the attacks."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.attacks import AttackRecorder


@pytest.fixture
def record_attack(record_property: Callable[[str, Any], None]) -> AttackRecorder:
    """Take the figures of an attack."""
    return AttackRecorder(record_property)
