"""A mapping is checked before its first document, and every error names the place."""

from decimal import Decimal

import pytest

from api.mapping.errors import MappingError
from api.mapping.language import MAPPING_BYTES_MAX, mapping_from_text, read_mapping

EVENT = {
    "type": "call.charged",
    "time": "/ts",
    "callId": "/call",
    "amount": {"at": "/cents", "decimals": 2},
}
COST = {
    "type": "cost.recorded",
    "time": "/ts",
    "callId": "/call",
    "service": "openai",
    "operation": "inference",
    "usage": "/tokens",
    "unit": "tokens",
}


def test_toml_and_json_are_the_same_mapping() -> None:
    toml = """
        source = "/shop"
        [[event]]
        type = "call.charged"
        time = "/ts"
        callId = "/call"
        amount = { at = "/cents", decimals = 2 }
    """
    json = """{"source": "/shop", "event": [{"type": "call.charged", "time": "/ts",
        "callId": "/call", "amount": {"at": "/cents", "decimals": 2}}]}"""
    document = {"ts": "2026-11-30T08:00:00Z", "call": "c", "cents": 499}
    (of_toml,) = mapping_from_text(toml).events(document)
    (of_json,) = mapping_from_text(json).events(document)
    assert of_toml == of_json
    assert of_toml.data == {"callId": "c", "amount": Decimal("4.99")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "call.paid"}, "event 1.type must be one of"),
        ({"amounts": "/x"}, "call.charged: amounts is unknown"),
        ({"time": None}, "call.charged.time must be a pointer"),
        ({"time": {"at": "/ts", "format": "iso"}}, "call.charged.time.format must be one of"),
        ({"time": {"at": "/ts", "offset": "CET"}}, "call.charged.time.offset must be Z"),
        ({"amount": {"at": "/cents", "decimals": 13}}, "call.charged.amount.decimals must be 0 to"),
        ({"amount": {"at": "/cents", "decimals": True}}, "call.charged.amount.decimals must be"),
        ({"amount": {"decimals": 2}}, "call.charged.amount must be a pointer, a constant"),
        ({"amount": {"at": "cents"}}, "call.charged.amount must be a JSON pointer"),
        ({"amount": {"at": "./cents"}}, "points into an element, but the rule has no `each`"),
        ({"amount": {"at": "/c", "unit": "x"}}, "call.charged.amount.unit is unknown"),
        ({"amount": "ten"}, "call.charged.amount is 'ten' and not a number"),
        ({"amount": {"at": "/c", "default": "x"}}, "call.charged.amount.default is 'x'"),
        ({"callId": ""}, "call.charged.callId is empty"),
        ({"tags": "x"}, "call.charged.tags must be a table"),
        ({"when": {"event": "x"}}, "call.charged.when must be a JSON pointer"),
        ({"when": {"/event": {"is": "x"}}}, "call.charged.when./event may have `not`"),
        ({"when": {"/event": []}}, "call.charged.when./event must be a value"),
    ],
)
def test_error_names_the_place_in_the_mapping(change: dict[str, object], message: str) -> None:
    with pytest.raises(MappingError) as caught:
        read_mapping({"event": [{**EVENT, **change}]})
    assert str(caught.value).startswith(message) or message in str(caught.value)


@pytest.mark.parametrize("field", ["callId", "service", "operation", "usage", "unit", "time"])
def test_required_field_must_be_mapped(field: str) -> None:
    rule = {name: value for name, value in COST.items() if name != field}
    with pytest.raises(MappingError, match=field):
        read_mapping({"event": [rule]})


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ([], "The mapping must be a table"),
        ({}, "event must be 1 to 50 rules"),
        ({"event": []}, "event must be 1 to 50 rules"),
        ({"event": [EVENT], "evnt": 1}, "evnt is unknown"),
        ({"event": [EVENT, EVENT]}, "Two events are named call.charged"),
        ({"event": [EVENT], "all": {"ammount": "/x"}}, "all.ammount is not a field of any event"),
        ({"event": [EVENT], "source": ""}, "source must be a text"),
    ],
)
def test_wrong_mapping_is_refused(mapping: object, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        read_mapping(mapping)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event = ", "The mapping is not TOML"),
        ('{"event": ', "The mapping is not JSON: it ends too soon"),
        ("#" * (MAPPING_BYTES_MAX + 1), "The mapping has more than"),
    ],
)
def test_text_that_is_no_mapping_is_refused(text: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        mapping_from_text(text)


def test_webhook_needs_an_id_for_each_event() -> None:
    with pytest.raises(MappingError, match=r"call\.charged\.id is missing"):
        read_mapping({"event": [EVENT]}, needs_ids=True)
    mapping = read_mapping({"event": [{**EVENT, "id": "/id"}]}, needs_ids=True)
    assert mapping.rules[0].id is not None
