"""Slack, Discord and Teams as their documents describe them: what they accept and how they refuse.

Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
Discord: https://discord.com/developers/docs/resources/webhook#execute-webhook
Teams: https://learn.microsoft.com/power-automate/teams/overview (a card posted to a workflow)
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.notices import ChatType
from tests.support.receivers import ScriptedResponse

PATHS: Mapping[ChatType, str] = {
    "slack": "/services/T0001/B0001/abcDEF",
    "discord": "/api/webhooks/1234567890/abc-DEF_1",
    "teams": "/workflows/0f1e/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers"
    "%2Fmanual%2Frun&sv=1.0&sig=a-b_c%2Bd",
}


def slack(body: bytes) -> ScriptedResponse:
    """Answer as an incoming webhook does."""
    message = json.loads(body)
    blocks = message["blocks"]
    is_valid = (
        0 < len(message["text"]) <= 40_000
        and 0 < len(blocks) <= 50
        and all(_is_slack_block(block) for block in blocks)
    )
    return (
        ScriptedResponse(200, body=b"ok")
        if is_valid
        else ScriptedResponse(400, body=b"invalid_blocks")
    )


def _is_slack_block(block: Mapping[str, Any]) -> bool:
    if block["type"] == "actions":
        [button] = block["elements"]
        return len(button["text"]["text"]) <= 75 and len(button["url"]) <= 3_000
    most = 150 if block["type"] == "header" else 3_000
    text = block["text"]
    return text["type"] == "plain_text" and 0 < _units(text["text"]) <= most


def discord(body: bytes) -> ScriptedResponse:
    """Answer as a webhook with `wait=true` does."""
    message = json.loads(body)
    [embed] = message["embeds"]
    is_valid = (
        _units(embed["title"]) <= 256
        and _units(embed["description"]) <= 4_096
        and message["allowed_mentions"] == {"parse": []}
    )
    if is_valid:
        return ScriptedResponse(200, body=b'{"id":"1"}')
    return ScriptedResponse(400, body=b'{"message":"Invalid Form Body","code":50035}')


def teams(body: bytes) -> ScriptedResponse:
    """Answer as a workflow that posts a card does: later, so any valid body is accepted."""
    if len(body) > 28 * 1024:
        return ScriptedResponse(413)
    [attachment] = json.loads(body)["attachments"]
    is_card = attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    if not is_card or attachment["content"]["type"] != "AdaptiveCard":
        code = {"error": {"code": "TriggerInputSchemaMismatch", "message": "…"}}
        return ScriptedResponse(400, body=json.dumps(code).encode())
    return ScriptedResponse(202)


SERVERS: Mapping[ChatType, Callable[[bytes], ScriptedResponse]] = {
    "slack": slack,
    "discord": discord,
    "teams": teams,
}

GONE: Mapping[ChatType, tuple[ScriptedResponse, ...]] = {
    "slack": (
        ScriptedResponse(404, body=b"no_service"),
        ScriptedResponse(403, body=b"invalid_token"),
        ScriptedResponse(410, body=b"channel_is_archived"),
    ),
    "discord": (
        ScriptedResponse(404, body=b'{"message": "Unknown Webhook", "code": 10015}'),
        ScriptedResponse(401, body=b'{"message": "Invalid Webhook Token", "code": 50027}'),
    ),
    "teams": (
        ScriptedResponse(404, body=b'{"error":{"code":"WorkflowNotFound","message":"..."}}'),
        ScriptedResponse(400, body=b'{"error":{"code":"WorkflowTriggerIsNotEnabled"}}'),
        ScriptedResponse(401, body=b'{"error":{"code":"DirectApiAuthorizationRequired"}}'),
        ScriptedResponse(410),
    ),
}
"""How each service answers an address that was revoked, archived or switched off."""


def shown_texts(kind: ChatType, body: bytes) -> Iterator[str]:
    """Yield each text of a message that comes from us or from emitters; not our link."""
    message = json.loads(body)
    if kind == "slack":
        yield message["text"]
        yield from (one["text"]["text"] for one in message["blocks"] if one["type"] != "actions")
    elif kind == "discord":
        [embed] = message["embeds"]
        yield from (embed["title"], embed["description"])
    else:
        for block in message["attachments"][0]["content"]["body"]:
            assert block["type"] == "RichTextBlock"  # its texts are not Markdown
            yield from (run["text"] for run in block["inlines"])


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
