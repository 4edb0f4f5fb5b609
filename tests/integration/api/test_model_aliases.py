"""Aliases of models over HTTP: entered and ended by admins, listed with their dates."""

from typing import Any

from tests.support.api import ApiResponse, served_from, token

PATH = "/api/admin/prices/aliases"


async def test_aliases_are_entered_and_listed(database_url: str) -> None:
    async with served_from(database_url) as api:

        async def admin(method: str, path: str = PATH, body: Any = None) -> ApiResponse:
            return await api.ask(method, path, bearer=token("root", role="admin"), body=body)

        entry = {"service": "openai", "alias": "Ours", "model": "gpt-4-turbo"}
        assert (await admin("POST", PATH, entry)).data == {"result": "entered"}
        assert (await admin("POST", PATH, entry)).data == {"result": "known"}
        assert (await admin("POST", PATH, {**entry, "model": None})).data == {"result": "entered"}
        listed = (await admin("GET", f"{PATH}?service=openai")).data["aliases"]
        assert [(one["alias"], one["model"]) for one in listed] == [
            ("ours", "gpt-4-turbo"),
            ("ours", None),
        ]
        assert listed[0]["until"] == listed[1]["effectiveFrom"]
        past = {**entry, "effectiveFrom": "2026-01-01T00:00:00Z"}
        for refused in (
            past,
            {**entry, "model": "m"},
            {**entry, "alias": "gpt-4-turbo", "model": "x"},
        ):
            assert (await admin("POST", PATH, refused)).code == "invalid_body"
