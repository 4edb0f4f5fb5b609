"""Checks an endpoint before it is created, for the API and the command line."""

from __future__ import annotations

import msgspec

from api.http.identifiers import identifier_error
from api.webhooks.calls import QUERY
from api.webhooks.deliveries import EndpointSettingsError, WebhookProvider
from api.webhooks.paths import path_error
from api.webhooks.providers import PROVIDERS
from ledger.operations.webhooks import EndpointFields, new_secret
from schemas.webhooks import WantedWebhookEndpoint

SETTINGS_BYTES_MAX = 16 * 1024


class InvalidEndpointError(Exception):
    """A field of an endpoint is invalid; a sentence names it."""


def prepare(wanted: WantedWebhookEndpoint) -> tuple[EndpointFields, str | None, str | None]:
    """Return the fields and the secret of a new endpoint, and a generated secret to show.

    Raises InvalidEndpointError.
    """
    provider = _provider(wanted.provider)
    if (flaw := identifier_error(wanted.name)) is not None:
        raise InvalidEndpointError(f"`name` {flaw}.")
    user_path = wanted.user_path or provider.user_path
    call_path = wanted.call_path or provider.call_path
    for name, path in (("userPath", user_path), ("callPath", call_path)):
        if path is not None and (flaw := path_error(path.removeprefix(QUERY))) is not None:
            raise InvalidEndpointError(f"`{name}` {flaw}.")
    if len(msgspec.json.encode(wanted.settings)) > SETTINGS_BYTES_MAX:
        raise InvalidEndpointError(f"`settings` is above {SETTINGS_BYTES_MAX} bytes.")
    try:
        provider.check_settings(wanted.settings)
    except EndpointSettingsError as error:
        raise InvalidEndpointError(str(error)) from None
    fields = EndpointFields(
        provider=provider.name,
        name=wanted.name,
        user_path=user_path,
        call_path=call_path,
        replay_seconds=wanted.replay_window_seconds,
        settings=wanted.settings,
    )
    if wanted.secret is None and not provider.generates_secret:
        return fields, None, None  # the vendor shows it only after it was given the address
    return fields, *prepare_secret(provider.name, wanted.secret)


def prepare_secret(provider_name: str, secret: str | None) -> tuple[str, str | None]:
    """Return a secret to add, and a generated secret to show; raises InvalidEndpointError."""
    provider = _provider(provider_name)
    if secret is None:
        if not provider.generates_secret:
            raise InvalidEndpointError(f"`secret` is missing: {provider.name} gives you one.")
        generated = new_secret()
        return generated, generated
    if not (secret.isascii() and secret.isprintable()):
        raise InvalidEndpointError("`secret` must have printable ASCII characters only.")
    if (flaw := provider.check_secret(secret)) is not None:
        raise InvalidEndpointError(f"`secret` {flaw}.")
    return secret, None


def _provider(name: str) -> WebhookProvider:
    provider = PROVIDERS.get(name)
    if provider is None:
        raise InvalidEndpointError(f"`provider` must be one of {', '.join(sorted(PROVIDERS))}.")
    return provider
