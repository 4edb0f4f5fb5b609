"""Sends notifications as email, each over its own connection; the only module with aiosmtplib."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import aiosmtplib

from ledger.notifications.retry_policy import DeliveryResult, Verdict, storable_error
from streams.notifications.message_templates import PRODUCT
from streams.notifications.sender import ATTEMPT_MS, Notification

_PERMANENT: Final = range(500, 600)
_POLICY: Final = SMTP.clone(max_line_length=998, cte_type="7bit")
"""Lines may be as long as SMTP allows: a folded link becomes encoded words (RFC 2047), and mail
programs do not recognize it any more."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Connection settings of an SMTP server; `sender` is the From address.

    `tls` uses TLS from the start. Otherwise STARTTLS is used if the server offers it, and required
    if there is a password. `trusted` replaces the system's certificate authorities.
    """

    host: str
    port: int
    sender: str
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    trusted: ssl.SSLContext | None = field(default=None, repr=False)


class EmailSender:
    """Sends through one SMTP server, with unsubscribe links to `public_url`."""

    def __init__(
        self, server: SmtpServer, *, public_url: str | None = None, timeout_ms: int = ATTEMPT_MS
    ) -> None:
        self._server = server
        self._public_url = public_url
        self._timeout_ms = timeout_ms

    async def send(self, notification: Notification) -> DeliveryResult:
        """Send a mail once; permanent refusals of the server are not retried."""
        server = self._server
        start_tls = True if server.password and not server.tls else None
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                refused, reply = await aiosmtplib.send(
                    message_of(notification, server.sender, self._public_url).as_bytes(),
                    sender=server.sender,
                    recipients=[notification.address],
                    hostname=server.host,
                    port=server.port,
                    username=server.username,
                    password=server.password,
                    use_tls=server.tls,
                    start_tls=False if server.tls else start_tls,
                    tls_context=server.trusted,
                    timeout=self._timeout_ms / 1000,
                )
        except aiosmtplib.SMTPException as error:
            return self._failure(error, notification)
        except TimeoutError:
            return DeliveryResult("temporary", error="The mail server did not answer in time.")
        except (OSError, ValueError) as error:
            return DeliveryResult(
                "temporary", error=self._tidy(f"{type(error).__name__}: {error}", notification)
            )
        if refused:  # aiosmtplib raises an error instead, but does not document it
            return DeliveryResult("permanent", error="The mail server refused the recipient.")
        return DeliveryResult("delivered", storable_error(reply, notification.address) or "250")

    def _failure(
        self, error: aiosmtplib.SMTPException, notification: Notification
    ) -> DeliveryResult:
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
            error = error.recipients[0]
        if not isinstance(error, aiosmtplib.SMTPResponseException):
            return DeliveryResult("temporary", error=self._tidy(error.message, notification))
        # After we correct our account or host name the mail can be sent.
        is_ours = isinstance(
            error,
            aiosmtplib.SMTPAuthenticationError
            | aiosmtplib.SMTPSenderRefused
            | aiosmtplib.SMTPHeloError
            | aiosmtplib.SMTPConnectResponseError,
        )
        verdict: Verdict = "permanent" if error.code in _PERMANENT and not is_ours else "temporary"
        text = self._tidy(error.message, notification)
        return DeliveryResult(
            verdict, str(error.code), f"The mail server answered {error.code}: {text}"
        )

    def _tidy(self, text: str, notification: Notification) -> str:
        return storable_error(text, notification.address, self._server.password)

    async def close(self) -> None:
        """Do nothing: each mail has its own connection."""


def message_of(
    notification: Notification, sender: str, public_url: str | None = None
) -> EmailMessage:
    """Return the mail; its Message-ID is the same in all attempts.

    With `public_url` mail programs can offer to unsubscribe (RFC 8058).
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(PRODUCT, addr_spec=sender)
    message["To"] = Address(addr_spec=notification.address)
    message["Subject"] = notification.subject
    message["Date"] = format_datetime(notification.created_at)
    message["Message-ID"] = f"<{notification.message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    if public_url is not None:
        link = f"{public_url}/unsubscribe?token={notification.unsubscribe_token}"
        message["List-Unsubscribe"] = f"<{link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(notification.text)
    message.add_alternative(notification.html, subtype="html")
    return message
