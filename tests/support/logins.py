"""The logins of the test servers: database addresses for each process."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from ledger.postgres.logins import PROCESSES, LoginPlan, ProcessName, create_logins, login_url
from ledger.postgres.viewer import ViewerSigner

PASSWORDS: dict[ProcessName, str] = {each: f"the tests' password of {each}" for each in PROCESSES}

SIGNER = ViewerSigner(PASSWORDS["api"])
"""Signs viewers as the API of the tests does."""


async def create_test_logins(admin_url: str) -> None:
    """Create the logins and the schema, as `cost-analytics roles create` does."""
    await create_logins(admin_url, LoginPlan(PASSWORDS))


def as_login(url: str, process: ProcessName) -> str:
    """Return the address of the same database for a process."""
    return login_url(url, process, PASSWORDS[process])


_LOGINS: dict[str, ProcessName] = {
    "worker": "worker",
    "api": "api",
    "notices": "notifications",
    "commands": "notifications",
}


def as_process(command: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return settings in which a command logs in to the test server as in production.

    Only the administrator's address of a cloned database is replaced; any other address stays.
    """
    url = values.get("DATABASE_URL", "")
    parts = urlsplit(url)
    if parts.username != "cost_analytics" or not parts.path.startswith("/test_"):
        return dict(values)
    own = {"DATABASE_URL": as_login(url, _LOGINS.get(command, "operator"))}
    own |= {
        "RERATE_DATABASE_URL": as_login(url, "worker"),
        "PEOPLE_DATABASE_URL": as_login(url, "operator"),
    }
    return {**values, **own}
