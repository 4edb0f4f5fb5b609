"""The one owner of aiosmtplib: a notice as an email, over a connection of its own."""

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

from ledger.notifications.retry_policy import DeliveryResult, Verdict, printable
from streams.notifications.message_templates import PRODUCT
from streams.notifications.sender import ATTEMPT_MS, Notification

_PERMANENT: Final = range(500, 600)
_POLICY: Final = SMTP.clone(max_line_length=998, cte_type="7bit")
"""Lines may be as long as SMTP allows. A link that is folded turns into encoded words (RFC 2047),
which mail programs do not read."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """How to hand mail in; `sender` is the address that it comes from.

    `tls` speaks TLS from the start. Otherwise STARTTLS is used where the server offers it, and is
    demanded where there is a password to keep. `trusted` replaces the system's authorities.
    """

    host: str
    port: int
    sender: str
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    trusted: ssl.SSLContext | None = field(default=None, repr=False)


class EmailSender:
    """Sends by one SMTP server. Mails can be turned off by a link to `public_url`, our address."""

    def __init__(
        self, server: SmtpServer, *, public_url: str | None = None, timeout_ms: int = ATTEMPT_MS
    ) -> None:
        self._server = server
        self._public_url = public_url
        self._timeout_ms = timeout_ms

    async def send(self, notice: Notification) -> DeliveryResult:
        """Hand one mail in; what the server refuses for good is not tried again."""
        server = self._server
        start_tls = True if server.password and not server.tls else None
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                refused, reply = await aiosmtplib.send(
                    message_of(notice, server.sender, self._public_url).as_bytes(),
                    sender=server.sender,
                    recipients=[notice.address],
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
            return self._failure(error, notice)
        except TimeoutError:
            return DeliveryResult("temporary", error="The mail server did not answer in time.")
        except (OSError, ValueError) as error:
            return DeliveryResult(
                "temporary", error=self._tidy(f"{type(error).__name__}: {error}", notice)
            )
        if refused:  # one recipient only: aiosmtplib raises, but does not promise to
            return DeliveryResult("permanent", error="The mail server refused the recipient.")
        return DeliveryResult("delivered", printable(reply, notice.address) or "250")

    def _failure(self, error: aiosmtplib.SMTPException, notice: Notification) -> DeliveryResult:
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
            error = error.recipients[0]
        if not isinstance(error, aiosmtplib.SMTPResponseException):
            return DeliveryResult("temporary", error=self._tidy(error.message, notice))
        # What a server says of our own account or name is ours to mend, and no word on the mail.
        ours = isinstance(
            error,
            aiosmtplib.SMTPAuthenticationError
            | aiosmtplib.SMTPSenderRefused
            | aiosmtplib.SMTPHeloError
            | aiosmtplib.SMTPConnectResponseError,
        )
        verdict: Verdict = "permanent" if error.code in _PERMANENT and not ours else "temporary"
        words = self._tidy(error.message, notice)
        return DeliveryResult(
            verdict, str(error.code), f"The mail server answered {error.code}: {words}"
        )

    def _tidy(self, text: str, notice: Notification) -> str:
        return printable(text, notice.address, self._server.password)

    async def close(self) -> None:
        """Do nothing: each mail has a connection of its own."""


def message_of(notice: Notification, sender: str, public_url: str | None = None) -> EmailMessage:
    """Return the mail; its Message-ID is the same in all attempts.

    With our `public_url` mail programs can offer to turn the channel off (RFC 8058).
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(PRODUCT, addr_spec=sender)
    message["To"] = Address(addr_spec=notice.address)
    message["Subject"] = notice.subject
    message["Date"] = format_datetime(notice.created_at)
    message["Message-ID"] = f"<{notice.message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    if public_url is not None:
        link = f"{public_url}/unsubscribe?token={notice.unsubscribe_token}"
        message["List-Unsubscribe"] = f"<{link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(notice.text)
    message.add_alternative(notice.html, subtype="html")
    return message
