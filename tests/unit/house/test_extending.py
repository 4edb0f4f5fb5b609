"""Each example of docs/extending.md is a small diff that applies, and its result works."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import PACKAGES, ROOT

DIFFS = ROOT / "docs" / "extending"
CHANGED_LINES_MAX = 29
SECONDS_MAX = 60
IGNORED = shutil.ignore_patterns("__pycache__", "static")

PROGRAMS = {
    "service": """
from cost_analytics.price_loading import ListRequest, read_list
from datetime import UTC, datetime
rows = read_list(ListRequest("voice", None, ("acme",)), datetime(2026, 11, 30, tzinfo=UTC)).rows
found = sorted((row.operation, str(row.price_usd), row.per_units) for row in rows)
assert found == [("tts", "12", 1000000), ("tts", "9", 1000000), ("voice", "0.0095", 1)], found
""",
    "price-source": """
import json, pathlib, sys
from datetime import UTC, datetime
from streams.prices.configured import read_sources
from streams.prices.reading import PriceSourceError
file = pathlib.Path("sources.json")
source = {"kind": "csv", "name": "ours", "url": "https://prices.example/list.csv"}
file.write_text(json.dumps({"sources": [source]}))
[source] = read_sources(str(file))
columns = b"service,operation,unit,price_usd,per_units\\n"
[row] = source.rows(columns + b"acme,tts,characters,12,1000000\\n", datetime.now(UTC))
assert (row.service, str(row.price_usd), row.per_units) == ("acme", "12", 1_000_000), row
try:
    source.rows(columns + b"acme,tts,characters,free,1\\n", datetime.now(UTC))
except PriceSourceError as error:
    assert "price_usd" in str(error), error
else:
    raise AssertionError("a wrong price was accepted")
""",
    "webhook": """
import hmac
from datetime import UTC, datetime
from decimal import Decimal
from multidict import CIMultiDict
from api.webhooks.deliveries import WebhookDelivery, SignatureError
from api.webhooks.providers import PROVIDERS
from ledger.operations.webhooks import WebhookEndpoint
acme = PROVIDERS["acme"]
body = b'{"id": "call-1", "user": "alice", "cost": 0.1, "endedMs": 1764500000000}'
endpoint = WebhookEndpoint("e" * 32, "acme", acme.user_path, None, 300, {}, ("secret",))
def delivery(secret):
    headers = CIMultiDict({"X-Acme-Signature": hmac.digest(secret.encode(), body, "sha256").hex()})
    return WebhookDelivery(headers, {}, (), body, datetime.now(UTC))
acme.verify(delivery("secret"), endpoint)
try:
    acme.verify(delivery("another"), endpoint)
except SignatureError:
    pass
else:
    raise AssertionError("a forged delivery was accepted")
assert acme.read(delivery("secret"), endpoint) == acme.read(delivery("secret"), endpoint)
[draft] = acme.read(delivery("secret"), endpoint).drafts
assert (draft.type, draft.id) == ("cost.recorded", "call-1/total"), draft
assert draft.data["userId"] == "alice" and draft.data["totalCost"] == Decimal("0.1"), draft
""",
    "channel": """
import json, pathlib
from datetime import UTC, datetime
from typing import get_args
from ledger.notifications.addresses import AddressError, canonical_address
from ledger.notifications.retry_policy import SCHEDULES
from schemas.notices import CHAT_TYPES, ChannelType
from streams.notifications.chat import SERVICES
from streams.notifications.sender import Notification
types = {name for part in get_args(ChannelType) for name in get_args(part) or [part]}
assert "google_chat" in types and SERVICES.keys() == set(CHAT_TYPES) and SCHEDULES.keys() == types
[migration] = pathlib.Path("ledger/postgres/migrations").glob("NNNN*.sql")
assert all(f"'{name}'" in migration.read_text() for name in types)
address = "https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token=t"
assert canonical_address("google_chat", address) == address
try:
    canonical_address("google_chat", "https://example.com/v1/spaces/AAA/messages")
except AddressError:
    pass
else:
    raise AssertionError("the address of another host was accepted")
notice = Notification("1", address, None, "", datetime.now(UTC), "", "", "", b"",
                      "Title", ("<users/all> *bold*",), "https://costs.example/budget")
text = json.loads(SERVICES["google_chat"].body_of(notice))["text"]
assert "<users" not in text and "*bold" not in text, text
assert text.endswith("https://costs.example/budget"), text
""",
}


def run(directory: Path, *command: str) -> None:
    """Run a command in a directory; it must succeed."""
    done = subprocess.run(
        command, capture_output=True, check=False, cwd=directory, text=True, timeout=SECONDS_MAX
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_diff_is_tested_and_named() -> None:
    assert {path.stem for path in DIFFS.iterdir()} == PROGRAMS.keys()
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    for name in PROGRAMS:
        assert f"(extending/{name}.diff)" in page


@pytest.mark.parametrize("name", PROGRAMS)
def test_diff_applies_and_its_result_works(name: str, tmp_path: Path) -> None:
    diff = DIFFS / f"{name}.diff"
    lines = diff.read_text(encoding="utf-8").splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:4] not in {"+++ ", "--- "}]
    assert 0 < len(changed) <= CHANGED_LINES_MAX
    for folder in (*PACKAGES, "web/src/channels"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=IGNORED)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    run(tmp_path, "git", "apply", "--check", str(diff))
    run(tmp_path, "git", "apply", str(diff))
    paths = [line.removeprefix("+++ b/") for line in lines if line.startswith("+++ ")]
    modules = [path for path in paths if path.endswith(".py")]
    for action in (("check",), ("format", "--check")) if modules else ():
        run(tmp_path, sys.executable, "-m", "ruff", *action, "--no-cache", *modules)
    run(tmp_path, sys.executable, "-c", PROGRAMS[name])
