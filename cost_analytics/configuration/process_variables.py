"""Settings of budgets, prices, the worker, notifications, the development instance and logs."""

from __future__ import annotations

from typing import Final

from cost_analytics.configuration.variable import Variable

PROCESS_VARIABLES: Final = (
    Variable(
        "budget",
        "BUDGET_BASIS",
        "charged",
        "What counts against a budget: what the user is `charged`, or the `cost` of the calls.",
    ),
    Variable(
        "prices",
        "PRICE_SOURCES",
        "",
        "A JSON file that names the sources of prices ([prices](prices.md)). Without it nothing "
        "is fetched.",
    ),
    Variable(
        "worker",
        "WORKER_LANES",
        "2",
        "Batches that one worker writes at the same time, each over a connection of its own.",
    ),
    Variable(
        "worker",
        "WORKER_BATCH_MAX",
        "32000",
        "Most events in one transaction. Larger is faster under load, up to about 32000.",
    ),
    Variable(
        "worker",
        "WORKER_REFUSAL_STOP_PERCENT",
        "50",
        "A large batch (1000 refusals or more) of which this much is refused is not recorded but "
        "tried again, since the fault is more likely ours. 0 switches this off.",
    ),
    Variable(
        "delivery",
        "SMTP_URL",
        "",
        "Where mail is handed in: `smtp://user:password@host:587` (STARTTLS, which is demanded "
        "where there is a password) or `smtps://…:465`. Unset: no channels of type `email`.",
        secret=True,
    ),
    Variable(
        "delivery",
        "SMTP_FROM",
        "",
        "The email address that notices come from. Unset: the user of `SMTP_URL`.",
    ),
    Variable(
        "delivery",
        "PUBLIC_URL",
        "",
        "Where the recipients of mails reach the API, such as `https://costs.example.com`. With it "
        "mail programs can turn a channel off (`List-Unsubscribe`). Unset: they cannot.",
    ),
    Variable(
        "delivery",
        "SMS_URL",
        "",
        "Where messages are posted, `https`; with Twilio "
        "`https://api.twilio.com/2010-04-01/Accounts/AC…/Messages.json`. Unset: no channels of "
        "type `sms`.",
    ),
    Variable("delivery", "SMS_USERNAME", "", "Account at the provider."),
    Variable("delivery", "SMS_PASSWORD", "", "Its key.", secret=True),
    Variable(
        "delivery",
        "SMS_FROM",
        "",
        "Number or name that messages come from, or a messaging service of Twilio's (`MG…`).",
    ),
    Variable(
        "delivery",
        "WEBHOOK_ALLOW_PRIVATE",
        "false",
        "**Unsafe**, for development and tests only: `true` lets users send webhooks by plain "
        "HTTP, to any port, and into the network that this runs in. Set it alike for `api` and "
        "`notices`.",
    ),
    Variable(
        "anomalies",
        "ANOMALY_GRACE_MINUTES",
        "15",
        "After so many minutes without news of a call its costs are taken for complete, and a cost "
        "that is missing is an anomaly ([anomalies](anomalies.md)). 1 to 1440.",
    ),
    Variable(
        "anomalies",
        "ANOMALY_LEGS",
        "telephony,speech_recognition,inference,speech_synthesis",
        "Where a finished call must have cost something, with commas; `none` for nowhere.",
    ),
    Variable("dev", "PORT", "8080", "Where `make run` serves the dashboard and the API."),
    Variable(
        "dev",
        "SIMULATE",
        "1",
        "`0` starts `make run` without simulated calls, and the first time without their past. "
        "`10` simulates ten times as many calls, up to `100`.",
    ),
    Variable(
        "dev",
        "BROKER_MEMORY_MB",
        "64",
        "The embedded broker's log is replaced when it has grown by this much in memory.",
    ),
    Variable("logs", "LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`."),
    Variable(
        "logs",
        "LOG_FORMAT",
        "",
        "`text` for people or `json`, one object a line. Unset: text on a terminal, else JSON.",
    ),
)
