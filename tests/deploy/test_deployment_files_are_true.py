"""What deploy/ says is what the bridge accepts, measures and can be started with."""

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.cli.drain import drain
from bridge.config import SECTIONS, Config, load
from tests.deploy.metrics_page import metrics_page

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TOML = DEPLOY / "bridge.toml"
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


def _unit() -> dict[str, dict[str, list[str]]]:
    """Read the systemd unit: sections, keys, and each key's values in order."""

    class Repeating(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            if isinstance(value, list) and isinstance(self.get(key), list):
                self[key].extend(value)
                return
            super().__setitem__(key, value)

    parser = configparser.RawConfigParser(dict_type=Repeating, strict=False, delimiters=("=",))
    parser.optionxform = str
    parser.read(DEPLOY / "brotjeneste.service")
    return {name: {key: value.split("\n") for key, value in parser.items(name)} for name in parser.sections()}


def _containerfile() -> str:
    return (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ")


def test_the_explained_file_is_the_defaults() -> None:
    """Loading deploy/bridge.toml changes nothing, so every value that it shows is the default."""
    assert load(TOML, {}) == Config()


def test_every_setting_is_explained_and_nothing_else_is() -> None:
    """The file has exactly the settings of the dataclasses, and names the variables of the secrets."""
    document = tomllib.loads(TOML.read_text("utf-8"))
    shown = {(section, key) for section, keys in document.items() for key in keys}
    settings = {(section, one.name): one for section, form in SECTIONS.items() for one in fields(form)}
    secret = {where for where, one in settings.items() if one.metadata["secret"]}
    assert shown == set(settings) - secret
    for section, key in secret:
        assert f"BROTJENESTE_{section}_{key}".upper() in TOML.read_text("utf-8")


def test_every_setting_has_a_comment_with_its_range_or_words() -> None:
    """The comment above a setting names the limits or the choices that the bridge checks."""
    lines = TOML.read_text("utf-8").splitlines()
    section, comment, seen = "", "", 0
    for line in lines:
        if line.startswith("["):
            section, comment = line.strip("[]"), ""
        elif line.startswith("#"):
            comment += line
        elif " = " in line:
            (one,) = [one for one in fields(SECTIONS[section]) if one.name == line.split(" = ")[0]]
            assert len(comment) > 20, one.name
            words = [*(one.metadata["between"] or ()), *one.metadata["choices"]]
            assert all(str(word) in comment for word in words), (one.name, words)
            comment, seen = "", seen + 1
    all_of_them = [one for form in SECTIONS.values() for one in fields(form)]
    assert seen == sum(not one.metadata["secret"] for one in all_of_them)


def _variables(pairs: Iterable[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs if pair.startswith("BROTJENESTE_"))


def test_the_container_starts_with_settings_that_exist() -> None:
    """The image's variables are accepted, and its ports are the ones that they set."""
    text = _containerfile()
    environ = _variables(re.findall(r"\b(BROTJENESTE_\w+=\S+)", text))
    assert environ.pop("BROTJENESTE_CONFIG") == "/etc/brotjeneste/bridge.toml"
    assert "COPY deploy/bridge.toml /etc/brotjeneste/bridge.toml" in text
    config = load(TOML, environ)
    assert (config.http.host, config.media.bind) == ("0.0.0.0", "0.0.0.0")  # noqa: S104 - inside a container
    assert config.store.url.startswith("sqlite:////var/lib/brotjeneste/")
    exposed = re.findall(r"^EXPOSE (.*)$", text, re.MULTILINE)
    assert exposed == [f"{config.http.port}/tcp {config.media.base_port}/udp"]
    assert f"127.0.0.1:{config.metrics.port}/healthz" in text


def test_the_container_is_two_stages_of_debian_and_no_root() -> None:
    """Base images have short names, the last stage holds no compiler and runs as a numbered plain user."""
    text = _containerfile()
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(images) == 2
    assert all("/" not in image and "bookworm" in image for image in images)
    last = text[text.rindex("\nFROM ") :]
    user = re.search(r"^USER (\d+)$", last, re.MULTILINE)
    assert user is not None
    assert int(user[1]) > 0
    assert last.index("USER ") < last.index("\nCMD ")
    assert "HEALTHCHECK" in last
    assert "cmake" not in last
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["maturin"]["python-packages"]
    assert all(f"COPY {package} {package}\n" in text for package in packages)


def test_compose_sets_only_what_exists() -> None:
    """The service's variables, with nothing set on the host, make a configuration; its files are there."""
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]["bridge"]
    environ = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in service["environment"].items()}
    assert load(TOML, environ).media.addresses == ("127.0.0.1",)
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).samefile(
        DEPLOY / "Containerfile"
    )
    assert service["cap_drop"] == ["ALL"]


def test_kubernetes_sets_only_what_exists() -> None:
    """Its variables make a configuration, its probes and ports are the bridge's, and before the end it drains."""
    service, workload = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environ = {one["name"]: one.get("value", "x" * 20) for one in container["env"]}
    config = load(TOML, environ | {"BROTJENESTE_HTTP_HOST": "0.0.0.0"})  # noqa: S104 - inside a container
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert ports == {"pages": config.http.port, "operators": config.metrics.port, "media": config.media.base_port}
    assert {one["port"] for one in service["spec"]["ports"]} == {config.http.port, config.metrics.port}
    # A late joiner to an open room has to get through to a bridge that drains, which is not ready.
    assert service["spec"]["publishNotReadyAddresses"] is True
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness")}
    assert {one["port"] for one in probes.values()} == {"operators"}
    assert {kind: one["path"] for kind, one in probes.items()} == {"liveness": "/healthz", "readiness": "/readyz"}
    name, command, *arguments = container["lifecycle"]["preStop"]["exec"]["command"]
    assert (name, command) == ("brotjeneste", "drain")
    told = drain.make_context(command, arguments).params
    assert (told["reason"], told["yes"], told["wait"], told["stop"]) == ("upgrade", True, True, False)
    assert pod["terminationGracePeriodSeconds"] >= 3600
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    assert all(str(Path(place).parent) in mounts for place in (config.http.certificate, config.http.key))
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_unit_is_hardened_and_sets_only_what_exists() -> None:
    """The service has its own user, no capabilities, one place to write, and variables that exist."""
    service = _unit()["Service"]
    environ = _variables(service["Environment"])
    assert environ.pop("BROTJENESTE_CONFIG") == "/etc/brotjeneste/bridge.toml"
    config = load(TOML, environ)
    state = f"/var/lib/{service['StateDirectory'][0]}/"
    auth = (config.auth.link_key_file, config.auth.api_token_file, config.operators.token_file)
    written = (config.store.url, *auth)
    assert len(environ) == 4
    assert all(state in place for place in written)
    for key in (
        "DynamicUser",
        "NoNewPrivileges",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectHome",
        "ProtectClock",
    ):
        assert service[key] == ["yes"], key
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["SystemCallFilter"][0] == "@system-service"


def test_the_engine_is_measured_with_the_memory_that_it_is_run_with() -> None:
    """Image, unit and `make bench` have the same settings of the C library, which it knows."""
    unit = _unit()["Service"]["Environment"]
    (tunables,) = (line for line in unit if line.startswith("GLIBC_TUNABLES="))
    for text in (_containerfile(), (ROOT / "Makefile").read_text("utf-8")):
        assert re.findall(r"GLIBC_TUNABLES=\S+", text) == [tunables]
    loader = next(path for path in map(Path, _LOADERS) if path.exists())
    known = subprocess.run([loader, "--list-tunables"], capture_output=True, text=True, check=True)  # noqa: S603 - fixed
    names = {line.split(":")[0] for line in known.stdout.splitlines()}
    assert names >= {one.split("=")[0] for one in tunables.partition("=")[2].split(":")}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing to say, with a program in place of the bridge."""
    text = (DEPLOY / "brotjeneste.service").read_text("utf-8")
    unit = tmp_path / "brotjeneste.service"
    unit.write_text(text.replace("/opt/brotjeneste/bin/brotjeneste", "/bin/true"))
    result = subprocess.run(  # noqa: S603 - our own file
        [shutil.which("systemd-analyze") or "", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    mine = [line for line in result.stderr.splitlines() if "brotjeneste" in line]
    assert (result.returncode, mine) == (0, []), result.stderr


def test_alerts_are_about_metrics_that_exist() -> None:
    """Every metric that a rule names is one that the collector gives, and each rule says what it means."""
    (group,) = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text("utf-8"))["groups"]
    exposed = set(metrics_page())
    for rule in group["rules"]:
        named = set(re.findall(r"brotjeneste_\w+", rule["expr"]))
        assert named <= exposed, rule["alert"]
        assert named or rule["alert"] == "BridgeDown"
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_dashboard_is_about_metrics_that_exist() -> None:
    """Every query of every panel names metrics that the collectors give; no panel lies on another."""
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    exposed, places = set(metrics_page()), set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            named = set(re.findall(r"brotjeneste_\w+", target["expr"]))
            assert named, panel["title"]
            assert named <= exposed, panel["title"]
            assert target["expr"].count("(") == target["expr"].count(")")
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & places, panel["title"]
        places |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_readme_names_every_file() -> None:
    """Whoever installs the bridge finds each file of deploy/ explained."""
    text = (DEPLOY / "README.md").read_text("utf-8")
    files = {path.name for path in DEPLOY.iterdir() if path.is_file()} - {"README.md"}
    assert {name for name in files if f"`{name}`" not in text} == set()
