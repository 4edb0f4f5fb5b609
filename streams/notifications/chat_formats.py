"""Messages in the formats of Slack, Discord and Microsoft Teams.

Titles and lines contain names and ids from emitters. They are shown as plain text: they cannot
mention anyone, format a message or add a link to it. The only link is to the dashboard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from schemas.jsonio import encode
from streams.notifications.message_templates import PRODUCT
from streams.notifications.sender import Notification

SLACK_TITLE_MAX: Final = 150
SLACK_LINE_MAX: Final = 3_000
DISCORD_TITLE_MAX: Final = 256
DISCORD_TEXT_MAX: Final = 4_096

_TEXT_MAX: Final = 4_000
"""Characters of all lines together: in UTF-8 they fit into each service's limit."""
_LINES_MAX: Final = 40
_BREAK: Final = "\u200b"
"""An invisible character, which keeps a service from recognizing addresses and mentions."""
_RECOGNIZED: Final = re.compile(r"(?i)(@|:(?=//)|www(?=\.)|mailto(?=:))")
_MARKDOWN: Final = re.compile(r"([\\*_~`|>#\[\]()<\-+!.:])")
_OPEN: Final = f"Open in {PRODUCT}"


def without_links(text: str) -> str:
    """Return a text in which no service recognizes an address or a mention."""
    return _RECOGNIZED.sub(rf"\1{_BREAK}", text)


def _cut(text: str, characters_max: int) -> str:
    """Return a text of at most this many UTF-16 code units, the unit in which services count."""
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * characters_max:
        return text
    return encoded[: 2 * (characters_max - 1)].decode("utf-16-le", errors="ignore") + "…"


def _lines(notification: Notification) -> Iterator[str]:
    """Yield the lines, without links and mentions, as far as they fit."""
    left = _TEXT_MAX
    for line in notification.lines[:_LINES_MAX]:
        if left <= 1:
            return
        shown = _cut(without_links(line), min(left, SLACK_LINE_MAX // 2))
        left -= len(shown)
        yield shown


def slack_body(notification: Notification) -> bytes:
    """Return the body for an incoming webhook of Slack: blocks of plain text, and a button."""
    title = _cut(without_links(notification.title), SLACK_TITLE_MAX)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _slack_text(title)}]
    blocks += ({"type": "section", "text": _slack_text(line)} for line in _lines(notification))
    if notification.link is not None:
        button = {"type": "button", "text": _slack_text(_OPEN), "url": notification.link}
        blocks.append({"type": "actions", "elements": [button]})
    # The text is shown where blocks are not, and is the only part with markup.
    fallback = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return encode(
        {"text": fallback, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}
    )


def _slack_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def discord_body(notification: Notification) -> bytes:
    """Return the body for a webhook of Discord: one embed, and no mentions."""
    embed: dict[str, Any] = {
        "title": _cut(_escape_markdown(without_links(notification.title)), DISCORD_TITLE_MAX),
        "description": _cut(
            "\n\n".join(_escape_markdown(line) for line in _lines(notification)), DISCORD_TEXT_MAX
        ),
    }
    if notification.link is not None:
        embed["url"] = notification.link
    return encode({"embeds": [embed], "allowed_mentions": {"parse": []}})


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def teams_body(notification: Notification) -> bytes:
    """Return the body for a workflow of Teams: an adaptive card whose texts are not Markdown."""
    body = [
        _teams_text(
            _cut(without_links(notification.title), SLACK_TITLE_MAX), weight="Bolder", size="Medium"
        ),
        *(_teams_text(line) for line in _lines(notification)),
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if notification.link is not None:
        card["actions"] = [{"type": "Action.OpenUrl", "title": _OPEN, "url": notification.link}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return encode({"type": "message", "attachments": [attachment]})


def _teams_text(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
