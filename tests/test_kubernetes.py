"""The manifests in deploy/kubernetes are ones that Kubernetes takes, name only settings, files and ports that exist,
and give the workers no right that they do not need. No cluster is asked: schemas come from packages."""

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from episode_monitor.settings.alerting_files import read_files
from episode_monitor.settings.settings import load_settings, settings_table
from episode_monitor.settings.validators import PROCESSES_MOST
from tests.deploy_shapes import KUBERNETES_VERSION, faults_of_manifest
from tests.test_deploy import PROCESS, of, stage_environment
from tools import kubernetes_rules

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
BASE, OPERATOR, EXAMPLE = FOLDER / "base", FOLDER / "prometheus-operator", FOLDER / "overlays" / "example"
SECRET_SETTINGS = {row.name for row in settings_table() if row.is_secret}
OF_COMMANDS = {"OPERATOR_TOKEN"}  # a worker does not use it
SETTINGS = {row.name for row in settings_table()}
VERSIONS = (KUBERNETES_VERSION, kubernetes_validate.latest_version())
MANIFESTS = sorted(
    {*BASE.glob("*.yaml"), *OPERATOR.glob("*.yaml")} - {f / "kustomization.yaml" for f in (BASE, OPERATOR)}
)


def documents(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def env_file(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


STATEFUL_SET = read(BASE / "statefulset.yaml")
POD = STATEFUL_SET["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
MOUNTS = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}
VOLUMES = {volume["name"]: volume for volume in POD["volumes"]}
SERVICES = {each["metadata"]["name"]: each for each in documents((BASE / "services.yaml").read_text())}
COMMON_LABELS: dict[str, str] = read(BASE / "kustomization.yaml")["labels"][0]["pairs"]


# --- schemas


def with_selectors(manifest: dict[str, Any]) -> dict[str, Any]:
    """As Kustomize completes it with the labels of the base: a StatefulSet must have a selector."""
    made = copy.deepcopy(manifest)
    if made["kind"] == "StatefulSet":
        made["spec"]["selector"] = {"matchLabels": COMMON_LABELS}
        made["spec"]["template"].setdefault("metadata", {})["labels"] = COMMON_LABELS
    return made


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_takes_each_manifest(path: Path, version: str) -> None:
    for manifest in documents(path.read_text()):
        assert faults_of_manifest(with_selectors(manifest), version) == [], manifest["kind"]


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (BASE / "statefulset.yaml", lambda spec: spec.update(replica=3), "replica"),
        (BASE / "statefulset.yaml", lambda spec: spec.update(replicas="three"), "three"),
        (BASE / "disruption-budget.yaml", lambda spec: spec.update(maxUnavailables=1), "maxUnavailables"),
        (OPERATOR / "service-monitor.yaml", lambda spec: spec["endpoints"][0].update(intervall="15s"), "intervall"),
        (OPERATOR / "service-monitor.yaml", lambda spec: spec.pop("endpoints"), "endpoints"),
        (OPERATOR / "prometheus-rule.yaml", lambda spec: spec["groups"][0].pop("name"), "name"),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_refused(path: Path, change: Any, said: str) -> None:
    manifest = with_selectors(read(path))
    change(manifest["spec"])
    faults = faults_of_manifest(manifest, KUBERNETES_VERSION)
    assert any(said in fault for fault in faults), faults


def built(folder: Path) -> list[dict[str, Any]]:
    """What Kustomize makes of a folder. Kubernetes' own client has it; without either the test is skipped."""
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert done.stderr == "", "it warns of something"
            return documents(done.stdout)
    pytest.skip("neither kustomize nor kubectl is here, so the overlays are not put together")


@pytest.mark.parametrize("folder", [BASE, EXAMPLE], ids=lambda folder: folder.name)
def test_what_kustomize_makes_is_taken_and_fits_together(folder: Path) -> None:
    made = built(folder)
    for version in VERSIONS:
        assert [fault for each in made for fault in faults_of_manifest(each, version)] == []
    names = {(each["kind"], each["metadata"]["name"]) for each in made}
    (stateful_set,) = (each for each in made if each["kind"] == "StatefulSet")
    pod = stateful_set["spec"]["template"]
    for config_map in config_maps_of(pod["spec"]):
        assert ("ConfigMap", config_map) in names
    for each in made:
        if each["kind"] in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
            selector = each["spec"].get("podSelector") or each["spec"]["selector"]
            labels = selector.get("matchLabels", selector)
            assert {**labels, **COMMON_LABELS} == labels, f"{each['kind']} is about other pods, too"
            assert labels.items() <= pod["metadata"]["labels"].items(), each["kind"]


def config_maps_of(pod: dict[str, Any]) -> Iterator[str]:
    for container in pod["containers"]:
        yield from (each["configMapRef"]["name"] for each in container["envFrom"])
    yield from (volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume)


def test_the_example_changes_image_number_and_namespace() -> None:
    made = built(EXAMPLE)
    (stateful_set,) = (each for each in made if each["kind"] == "StatefulSet")
    (container,) = stateful_set["spec"]["template"]["spec"]["containers"]
    assert (container["image"], stateful_set["spec"]["replicas"]) == ("registry.example.com/episode-monitor:1.0.0", 4)
    assert {each["metadata"]["namespace"] for each in made} == {"episodes"}
    assert len({mount["mountPath"] for mount in container["volumeMounts"]}) == 5
    assert {each["kind"] for each in made} >= {"ServiceMonitor", "PrometheusRule", "NetworkPolicy"}


# --- settings and files


def settings_of(env: dict[str, str], folder: Path) -> dict[str, str]:
    """What a pod's process gets, with paths of the container laid out in this folder."""
    given = {**stage_environment("monitor"), **env}
    for name in PROCESS:
        given.pop(name, None)
    for each in CONTAINER["env"]:
        given[each["name"]] = str(each.get("value", ""))
    given.update(API_TOKENS="operator:abc123", WORKER_URL="http://episode-monitor-0.episode-monitor-workers.x.svc:8002")
    return {name: value.replace("/etc/", f"{folder}/etc/") for name, value in given.items() if name in SETTINGS}


def test_the_settings_of_the_base_exist_are_valid_and_no_secrets(tmp_path: Path) -> None:
    env = env_file(BASE / "settings.env")
    assert env.keys() <= SETTINGS - SECRET_SETTINGS
    lay_out(tmp_path, BASE)
    loaded = load_settings(settings_of(env, tmp_path))
    assert (loaded.monitoring_host, loaded.monitoring_port) == ("0.0.0.0", CONTAINER["ports"][0]["containerPort"])
    assert loaded.rules_path.read_text() == (ROOT / "rules.yaml").read_text()


def test_the_settings_and_files_of_the_example_can_be_used(tmp_path: Path) -> None:
    env = {**env_file(BASE / "settings.env"), **env_file(EXAMPLE / "settings.env")}
    assert env.keys() <= SETTINGS - SECRET_SETTINGS
    lay_out(tmp_path, BASE, EXAMPLE)
    given = settings_of(env, tmp_path) | {"KAFKA_SASL_PASSWORD": "abc"}
    given["KAFKA_SSL_CAFILE"] = str(ROOT / "testbed" / "certificate" / "localhost.crt")
    loaded = load_settings(given)
    files = read_files(loaded, loaded.alerting_path, loaded.oncall_path)
    assert files is not None


def lay_out(folder: Path, *layers: Path) -> None:
    """/etc/episode-monitor of a pod, and the receivers' secrets that the example's file names."""
    files, receivers = folder / "etc" / "episode-monitor", folder / "etc" / "episode-monitor-receivers"
    files.mkdir(parents=True)
    receivers.mkdir()
    for path in (path for layer in layers for path in (layer / "files").iterdir()):
        (files / path.name).write_text(path.read_text().replace("/etc/", f"{folder}/etc/"))
    (receivers / "team-slack").write_text("https://hooks.example.com/services/T/B/x")
    (receivers / "on-call-pagerduty").write_text("0123456789abcdef0123456789abcdef")


def test_secrets_come_from_a_secret_under_their_own_names() -> None:
    named = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in CONTAINER["env"]
             if "secretKeyRef" in each.get("valueFrom", {})}  # fmt: skip
    assert {each["key"] for each in named.values()} == named.keys() == SECRET_SETTINGS - OF_COMMANDS
    assert [name for name, each in named.items() if not each.get("optional")] == ["API_TOKENS"]
    others = {each["name"] for each in CONTAINER["env"]} - named.keys()
    assert others == {"POD_NAME", "POD_NAMESPACE", "WORKER_URL"}


def test_no_secret_stands_in_a_manifest() -> None:
    for path in FOLDER.rglob("*"):
        if path.is_file():
            assert "kind: Secret" not in path.read_text(), path
            assert not any(f"{name}=" in path.read_text() for name in SECRET_SETTINGS - {"API_TOKENS"}), path


def test_a_worker_writes_only_where_it_has_a_volume(tmp_path: Path) -> None:
    env = env_file(BASE / "settings.env")
    assert {env["STATE_DIR"], "/tmp"} == {path for path, mount in MOUNTS.items() if not mount.get("readOnly")}
    assert stage_environment("monitor")["HOME"] == env["STATE_DIR"]
    assert env["RULES_FILE"].rpartition("/")[0] in MOUNTS
    assert {mount["name"] for mount in MOUNTS.values()} == VOLUMES.keys()
    for name in ("state", "tmp"):
        assert "sizeLimit" in VOLUMES[name]["emptyDir"]


# --- rights, probes and the end


def test_a_worker_has_no_rights_that_it_does_not_need() -> None:
    user = int(of("monitor", "USER")[0].partition(":")[0])
    assert POD["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": user, "runAsGroup": user, "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert POD["automountServiceAccountToken"] is False
    assert read(BASE / "service-account.yaml")["automountServiceAccountToken"] is False


def test_services_of_the_namespace_set_no_setting() -> None:
    """Kubernetes would give a pod NAME_PORT and NAME_HOST of each, and MONITORING_PORT and KAFKA_… are settings."""
    assert POD["enableServiceLinks"] is False


def test_probes_ask_what_is_meant_for_them() -> None:
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: each["path"] for name, each in probes.items()} == {
        "startup": "/livez", "liveness": "/livez", "readiness": "/readyz",
    }  # fmt: skip
    assert {each["port"] for each in probes.values()} == {CONTAINER["ports"][0]["name"]}


STOP_SECONDS = 5 + 10 + 3 + 10  # deliveries, Faust, answers under way, and what is stored before


def test_a_worker_may_end_within_its_grace_period() -> None:
    before = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    readiness = CONTAINER["readinessProbe"]
    assert before >= readiness["periodSeconds"]
    assert POD["terminationGracePeriodSeconds"] > before + STOP_SECONDS


def test_workers_ask_each_other_by_name_before_they_are_ready() -> None:
    url = next(each["value"] for each in CONTAINER["env"] if each["name"] == "WORKER_URL")
    workers = SERVICES[STATEFUL_SET["spec"]["serviceName"]]
    assert url == f"http://$(POD_NAME).{workers['metadata']['name']}.$(POD_NAMESPACE).svc:8002"
    assert workers["spec"]["clusterIP"] == "None"
    assert workers["spec"]["publishNotReadyAddresses"] is True


def test_one_worker_at_a_time_is_taken_away_and_they_are_apart() -> None:
    assert read(BASE / "disruption-budget.yaml")["spec"]["maxUnavailable"] == 1
    assert STATEFUL_SET["spec"]["updateStrategy"] == {"type": "RollingUpdate"}
    assert STATEFUL_SET["spec"]["replicas"] > 1
    (apart,) = POD["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert apart["podAffinityTerm"]["labelSelector"]["matchLabels"] == COMMON_LABELS


def test_the_network_lets_workers_and_named_namespaces_in() -> None:
    policy = read(BASE / "network-policy.yaml")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    from_all, from_workers = policy["ingress"]
    assert [port["port"] for port in from_all["ports"]] == ["http"]
    assert {next(iter(each)) for each in from_all["from"]} == {"podSelector", "namespaceSelector"}
    assert from_workers["from"] == from_all["from"][:1]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 5432, 8002, 8010, 9092, 9093}


def test_the_network_lets_workers_reach_each_process_of_the_others() -> None:
    first = int(env_file(BASE / "settings.env")["WORKER_OWN_PORTS"])
    own_ports = {"protocol": "TCP", "port": first, "endPort": first + PROCESSES_MOST - 1}
    policy = read(BASE / "network-policy.yaml")["spec"]
    assert policy["ingress"][1]["ports"] == [own_ports]
    assert own_ports in policy["egress"][0]["ports"]
    assert policy["egress"][0]["to"] == policy["ingress"][1]["from"]


# --- Prometheus


def test_prometheus_asks_every_worker_under_the_name_that_the_rules_know() -> None:
    monitor = read(OPERATOR / "service-monitor.yaml")["spec"]
    workers = SERVICES["episode-monitor-workers"]
    labels = {**COMMON_LABELS, **workers["metadata"]["labels"]}
    assert monitor["selector"]["matchLabels"] == labels
    assert labels[monitor["jobLabel"]] == "episode-monitor"
    assert 'up{job="episode-monitor"}' in (ROOT / "deploy" / "prometheus-rules.yml").read_text()
    assert monitor["endpoints"][0]["port"] == workers["spec"]["ports"][0]["name"]


def test_the_rules_are_those_of_the_stack() -> None:
    assert kubernetes_rules.TARGET.read_text() == kubernetes_rules.prometheus_rule()
    rules = read(kubernetes_rules.TARGET)["spec"]["groups"]
    assert rules == read(ROOT / "deploy" / "prometheus-rules.yml")["groups"]


def test_ci_puts_the_overlays_together() -> None:
    assert not os.environ.get("CI") or shutil.which("kubectl") or shutil.which("kustomize"), "CI needs one of them"
