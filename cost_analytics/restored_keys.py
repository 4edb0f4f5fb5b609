"""Describes keys of services that a restore may have made active again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.secret import Secret
from cost_analytics.database_work import run_connected

if TYPE_CHECKING:
    from ledger.operations.api_keys import ApiKey

REMEDY: Final = (
    "`cost-analytics keys revoke ID` revokes a key again, `cost-analytics keys confirm ID` stores "
    "that it was not revoked"
)


def restored_keys(url: Secret) -> str:
    """Return the keys that were not confirmed since the last restore, as lines; empty for none."""
    from ledger.operations.api_keys import unconfirmed_keys

    keys = run_connected(url, "keys", unconfirmed_keys)
    if not keys:
        return ""
    lines = ["These keys of services are active, even if they were revoked after the backup:"]
    lines += [f"  {key_line(key)}" for key in keys]
    return "\n".join([*lines, f"{REMEDY}.", ""])


def key_line(key: ApiKey) -> str:
    """Return a key as one line for people."""
    revoked = f"  revoked {key.revoked_at:%Y-%m-%d %H:%M}Z" if key.revoked_at else ""
    return (
        f"{key.key_id}  {key.hint}…  {key.service}  {', '.join(key.scopes)}  "
        f"made by {key.created_by} {key.created_at:%Y-%m-%d %H:%M}Z{revoked}"
    )
