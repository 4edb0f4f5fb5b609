"""A vendor that signs and sends webhooks about one call, beside a running `make run`.

python examples/vendor_webhooks.py --vendor vapi --url http://127.0.0.1:8080 --admin-token TOKEN;
`cost-analytics token --user root --role admin` prints TOKEN. It creates an endpoint for the account
at the vendor, as an administrator would, and sends what the vendor would send, twice.
"""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

# A program finds the modules beside it, which mypy knows by their package.
from vendor_reports import VENDORS, packed  # type: ignore[import-not-found]


def post(url: str, body: bytes, headers: dict[str, str]) -> Any:
    """Send a request; returns the data of the answer, and exits after a refusal."""
    all_headers = {"Content-Type": "application/json", **headers}
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    connection.request("POST", f"{parts.path}?{parts.query}", body, all_headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status >= 300:
        raise SystemExit(f"{url}: {answer.status} {text}")
    return json.loads(text)["data"]


def main() -> int:
    """Create an endpoint, send everything twice, and print what the call costs."""
    parser = argparse.ArgumentParser(description="Sends a vendor's webhooks about one call.")
    parser.add_argument("--vendor", required=True, choices=VENDORS)
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--admin-token", required=True, help="a token of an administrator")
    parser.add_argument("--token", help="the key of the bot, for what the vendor does not report")
    arguments = parser.parse_args()
    example = VENDORS[arguments.vendor]()
    wanted = {
        "provider": arguments.vendor,
        "name": f"example of {arguments.vendor}",
        "secret": example.secret,
    }
    admin = {"Authorization": f"Bearer {arguments.admin_token}"}
    made = post(f"{arguments.url}/api/admin/webhooks", packed(wanted), admin)
    sys.stdout.write(f"endpoint {made['item']['path']}\n")
    for sent in [*example.sent, *example.sent]:
        url = f"{arguments.url}{made['item']['path']}{sent.query}"
        answer = post(url, sent.body, sent.sign(url, sent.body))
        sys.stdout.write(f"{len(sent.body)} bytes sent, {answer['events']} events accepted\n")
    if example.by_bot is not None:
        key = {"Authorization": f"Bearer {arguments.token or arguments.admin_token}"}
        post(f"{arguments.url}/api/costs/events", packed(example.by_bot), key)
    costs = example.costs.quantize(Decimal("1e-9")).normalize()
    sys.stdout.write(f"call {example.call_id} costs {costs:f} USD\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
