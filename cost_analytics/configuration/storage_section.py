"""Settings of an S3-compatible object storage, by the names that its other clients use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.variable import Section, custom, optional, secret

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

_SCHEMES: Final = ("https", "http")
_NEEDED_WITH: Final = {
    "AWS_ACCESS_KEY_ID": "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_ACCESS_KEY": "AWS_ACCESS_KEY_ID",
    "AWS_SESSION_TOKEN": "AWS_ACCESS_KEY_ID",
}


def _endpoint(reader: Reader, name: str) -> str | None:
    parts = reader.url(name, _SCHEMES)
    if parts is None:
        return None
    if parts.username is not None or parts.query or parts.fragment:
        reader.add_error(name, "must be an address without user, query and fragment.")
    return parts.geturl().rstrip("/")


@dataclass(frozen=True, slots=True)
class StorageSection(Section):
    """Where objects are written, and with which keys; without keys, the machine's own are used."""

    s3_endpoint: str | None = custom(
        "AWS_ENDPOINT_URL_S3", None, "Takes precedence over `AWS_ENDPOINT_URL`.", _endpoint
    )
    general_endpoint: str | None = custom(
        "AWS_ENDPOINT_URL",
        None,
        "Address of an S3-compatible storage, such as `https://minio.example:9000`; unset: Amazon "
        "S3. With `http`, files are sent unencrypted.",
        _endpoint,
    )
    region: str | None = optional(
        "AWS_REGION", "The region of the bucket (default: `AWS_DEFAULT_REGION`, else `us-east-1`)."
    )
    key_id: Secret = secret(
        "AWS_ACCESS_KEY_ID",
        "The access key. Without it: the role of the workload or of the machine "
        "(`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_CONTAINER_CREDENTIALS_FULL_URI`, instance metadata).",
    )
    secret_key: Secret = secret("AWS_SECRET_ACCESS_KEY", "The secret of the access key.")
    session_token: Secret = secret("AWS_SESSION_TOKEN", "The token of temporary keys.")

    @property
    def endpoint(self) -> str | None:
        """The address of the storage; None for Amazon S3."""
        return self.s3_endpoint or self.general_endpoint

    def check(self, reader: Reader) -> None:
        """Report a key without its secret, and the reverse."""
        for name, other in _NEEDED_WITH.items():
            if reader.is_set(name) and not reader.is_set(other):
                reader.add_error(name, f"is set, and {other} is not; set both.")
