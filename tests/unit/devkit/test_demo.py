"""The ways of `make demo`, and what it reads of an example."""

from decimal import Decimal

import pytest

from cost_analytics.cli import main
from cost_analytics.failures import MISUSED, CommandError
from devkit.demo.demonstration import ExampleCall, reported_calls
from devkit.demo.ways import WAYS, way_named


def test_every_way_is_a_program_of_the_examples() -> None:
    assert [way.name for way in WAYS if not way.path.exists()] == []
    assert len({way.name for way in WAYS}) == len(WAYS)


def test_unknown_way_lists_all_ways(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError) as caught:
        way_named("nope")
    assert caught.value.code == MISUSED
    assert main(["demo"]) == 0
    for text in (str(caught.value), capsys.readouterr().out):
        assert [way for way in WAYS if f"make demo WAY={way.name}" not in text] == []
        assert [way for way in WAYS if way.summary not in text] == []


def test_reported_calls_are_read_exactly() -> None:
    output = "19 events sent\ncall a-1 costs 0.247565 USD\nnoise call b costs 1 USD\ncall b costs 2 USD\n"
    assert reported_calls(output) == [
        ExampleCall("a-1", Decimal("0.247565")),
        ExampleCall("b", Decimal(2)),
    ]


@pytest.mark.parametrize("output", ["", "call a costs 1e-3 USD\n", "call a costs NaN USD\n"])
def test_example_without_a_cost_fails(output: str) -> None:
    with pytest.raises(CommandError, match="printed no line of the form"):
        reported_calls(output)
