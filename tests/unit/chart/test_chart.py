"""The Helm chart renders valid manifests, with least rights and sufficient settings."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cost_analytics import settings
from cost_analytics.cli import parser_of
from cost_analytics.configuration.processes import SERVICES, Process
from cost_analytics.configuration.variables import VARIABLES
from cost_analytics.object_storage import Folder
from tests.support.chart import environment, flaws, helm, of_kind, pods, refusal, render
from tests.support.chart_values import CHART, documents

MOUNT: Final = "/run/secrets/"
THEIRS: Final = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
"""Versions of APIs that belong to operators, which the schemas of Kubernetes do not have."""
EVERYTHING: Final[dict[str, Any]] = {
    "image": {"repository": "registry.example/costs", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "pull"}],
    "settings": {"LOG_LEVEL": "DEBUG"},
    "kafka": {
        "settings": {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": "costs",
        }
    },
    "database": {"administrator": "postgres", "parameters": "sslmode=require"},
    "secret": {
        "optionalKeys": [
            *("smtp_url", "sms_password", "twilio_auth_token"),
            *("aws_access_key_id", "aws_secret_access_key"),
        ]
    },
    "podLabels": {"team": "voice"},
    "podAnnotations": {"note": "1"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "voice", "operator": "Exists"}],
    "api": {
        "tokens": {"from": "jwksUrl", "jwksUrl": "https://id.example/keys"},
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
    },
    "worker": {"autoscaling": {"enabled": True}, "settings": {"WORKER_LANES": 4}},
    "deliverySettings": {
        "SMTP_FROM": "costs@example.com",
        "SMS_URL": "https://sms.example/messages",
        "SMS_USERNAME": "costs",
        "SMS_FROM": "+15550100",
    },
    "commands": {"settings": {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32}},
    "focusExport": {
        "enabled": True,
        "toUrl": "s3://costs/finops",
        "settings": {"AWS_ENDPOINT_URL": "http://minio:9000"},
    },
    "metrics": {"podMonitor": True},
    "networkPolicy": {
        "apiFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "databaseTo": [{"ipBlock": {"cidr": "10.1.0.0/16"}}],
        "kafkaTo": [{"ipBlock": {"cidr": "10.2.0.0/16"}}],
    },
}
LEAST: Final[dict[str, Any]] = {
    "notices": {"enabled": False},
    "commands": {"enabled": False},
    "migration": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "serviceAccount": {"create": False, "name": "mine"},
    "topologyKeys": [],
    "api": {"repricing": False},
}
CASES: Final[dict[str, dict[str, Any]]] = {"defaults": {}, "everything": EVERYTHING, "least": LEAST}
SECRET_TEXTS: Final = {"jwt_secret": "a-secret-of-the-chart-with-many-characters"}


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def manifests(request: pytest.FixtureRequest, tmp_path: Path) -> list[dict[str, Any]]:
    return render(request.param, tmp_path)


def test_table_and_schema_of_values_are_current() -> None:
    for path, content in documents().items():
        assert path.read_text() == content, "run `tools/chart values`"


def test_helm_finds_nothing_to_complain_about() -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kubernetes", ["1.25.0", "1.37.0"])
def test_manifests_are_valid(
    manifests: list[dict[str, Any]], kubernetes: str, tmp_path: Path
) -> None:
    ours = [each for each in manifests if each["apiVersion"] not in THEIRS]
    assert flaws(ours, tmp_path, kubernetes) == ""


def test_validator_finds_a_planted_flaw(tmp_path: Path) -> None:
    manifests = render({}, tmp_path)
    of_kind(manifests, "Deployment")["api"]["spec"]["replicaz"] = 2
    assert "replicaz" in flaws(manifests, tmp_path, "1.37.0")


def test_pods_have_least_rights(manifests: list[dict[str, Any]]) -> None:
    for pod in pods(manifests).values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


def test_services_have_probes_of_a_port_that_they_serve(
    manifests: list[dict[str, Any]],
) -> None:
    for name in of_kind(manifests, "Deployment"):
        [container] = pods(manifests)[name]["containers"]
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe"):
            [checked] = re.findall(r"port: (\w+)", yaml.safe_dump(container[probe]))
            assert checked in ports, (name, probe)
        assert "metrics" in ports


def test_each_pod_mounts_the_secrets_that_it_reads_and_no_others(
    manifests: list[dict[str, Any]],
) -> None:
    for pod in pods(manifests).values():
        read = {
            value.removeprefix(MOUNT)
            for name, value in environment(pod).items()
            if name.endswith("_FILE")
        }
        [volume] = [each for each in pod["volumes"] if each["name"] == "secrets"]
        assert {item["key"] for item in volume["secret"]["items"]} == read


@pytest.mark.parametrize("process", SERVICES, ids=[each.command for each in SERVICES])
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_processes_have_existing_and_sufficient_settings(
    process: Process, values: dict[str, Any], tmp_path: Path
) -> None:
    given = environment(pods(render(values, tmp_path))[process.command])
    assert given.keys() <= VARIABLES.keys()
    for name, value in given.items():
        if name.endswith("_FILE"):
            key = value.removeprefix(MOUNT)
            text = "smtp://a%40b.example:p@mail.example:587" if key == "smtp_url" else "x" * 30
            (tmp_path / key).write_text(SECRET_TEXTS.get(key, text))
    mounted = {name: value.replace(MOUNT, f"{tmp_path}/") for name, value in given.items()}
    loaded = settings.settings_from(mounted, *process.needs, login=process.login)
    assert f"cost_analytics_{process.login}:" in loaded.database_url.reveal()
    assert loaded.kafka.topic_replication == 3


def test_migration_creates_logins_only_with_an_administrator(tmp_path: Path) -> None:
    with_one = pods(render(EVERYTHING, tmp_path))["migration"]["containers"][0]
    without = pods(render({}, tmp_path))["migration"]["containers"][0]
    assert with_one["args"][:2] == ["roles", "create"]
    assert without["args"] == ["migrate"]


def test_workers_scale_on_the_lag_of_their_group(tmp_path: Path) -> None:
    manifests = render(EVERYTHING, tmp_path)
    [trigger] = of_kind(manifests, "ScaledObject")["worker"]["spec"]["triggers"]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"]["consumerGroup"] == "cost-analytics-ledger"
    assert trigger["metadata"]["topic"] == "cost.call-events.v1"
    assert "replicas" not in of_kind(manifests, "Deployment")["worker"]["spec"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"replicas": 2}, "replicas"),
        ({"api": {"replicas": "two"}}, "replicas"),
        ({"api": {"tokens": {"from": "nobody"}}}, "from"),
        ({"api": {"tokens": {"from": "jwksUrl"}}}, "api.tokens.jwksUrl is needed"),
        ({"focusExport": {"enabled": True}}, "focusExport.toUrl is needed"),
        (
            {"worker": {"autoscaling": {"enabled": True, "maxReplicas": 9}}},
            "the topic has 8 partitions",
        ),
    ],
)
def test_wrong_values_are_refused_with_a_reason(
    values: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    assert reason in refusal(values, tmp_path)


def test_scheduled_export_is_a_valid_command_with_sufficient_settings(tmp_path: Path) -> None:
    pod = pods(render(EVERYTHING, tmp_path))["export"]
    [container] = pod["containers"]
    arguments = parser_of("export").parse_args(container["args"])
    assert (arguments.to_url, arguments.file_type) == (Folder("costs", "finops"), "parquet")
    mounted = {}
    for name, value in environment(pod).items():
        mounted[name] = value.replace(MOUNT, f"{tmp_path}/")
        if name.endswith("_FILE"):
            Path(mounted[name]).write_text("x" * 30)
    loaded = settings.settings_from(mounted, "database", "storage")
    assert "cost_analytics_operator:" in loaded.database_url.reveal()
    assert loaded.storage.endpoint == "http://minio:9000"
    assert loaded.storage.key_id.reveal() == loaded.storage.secret_key.reveal() == "x" * 30


def test_only_processes_that_send_reach_the_outside(tmp_path: Path) -> None:
    policies = of_kind(render({}, tmp_path), "NetworkPolicy")
    outside = {
        name
        for name, policy in policies.items()
        if "ipBlock" in yaml.safe_dump(policy["spec"]["egress"])
    }
    assert outside == {"api", "notices", "commands", "export"}
    served = {name for name, policy in policies.items() if policy["spec"]["ingress"]}
    assert served == {"api", "worker", "notices", "commands"}
