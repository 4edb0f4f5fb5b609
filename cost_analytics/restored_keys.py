"""Describes API keys that a restore may have made active again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.secret import Secret
from cost_analytics.database_work import run_connected

if TYPE_CHECKING:
    from ledger.operations.api_keys import ApiKey

REMEDY: Final = (
    "run `cost-analytics keys revoke ID` to revoke it again, or `cost-analytics keys confirm ID` "
    "to keep it"
)


def describe_unconfirmed_keys(url: Secret) -> str:
    """Return the keys that were not confirmed since the last restore, as lines; empty for none."""
    from ledger.operations.api_keys import unconfirmed_keys

    keys = run_connected(url, "keys", unconfirmed_keys)
    if not keys:
        return ""
    lines = ["These API keys are active; any that was revoked after the backup is active again:"]
    lines += [f"  {key_line(key)}" for key in keys]
    return "\n".join([*lines, f"For each key, {REMEDY}.", ""])


def key_line(key: ApiKey) -> str:
    """Return a key as one line of text."""
    revoked = f"  revoked {key.revoked_at:%Y-%m-%d %H:%M}Z" if key.revoked_at else ""
    return (
        f"{key.key_id}  {key.hint}…  {key.service}  {', '.join(key.scopes)}  "
        f"created by {key.created_by} {key.created_at:%Y-%m-%d %H:%M}Z{revoked}"
    )
