"""The recipes of docs/home.md, against a real broker and what `watch` publishes there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from cloudedge import CloudClassifier
from cloudedge.cli.main import cli
from cloudedge.genera import GENERA
from cloudedge.mqtt.discovery import device
from cloudedge.mqtt.topics import Topics
from cloudedge.row import NAMELESS, row_of

from ...support.mosquitto import PASSWORD, USER, Mosquitto, observing

TINY = Path(__file__).parents[1] / "fixtures" / "tiny.onnx"
PAGE = (Path(__file__).parents[3] / "docs" / "home.md").read_text(encoding="utf-8")
TOPICS = Topics("cloudedge", "garden", "homeassistant")
DEVICE = device(TOPICS, "resnet34 1.0.0", [genus.name for genus in GENERA], "1", with_picture=True, expire=None)
NAMELESS_FIELDS = {"genus": None, "reason": "dark", "probability": None, "level": None, "certain": False}

posix = pytest.mark.skipif(sys.platform == "win32", reason="the page is written for a POSIX shell")


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """Return a row as `watch` writes it."""
    path = Path(__file__).parents[3] / "examples" / "cumulus.jpg"
    return row_of(CloudClassifier(TINY, threads=1, min_confidence=0.0).classify(path))


def test_the_topics_are_those_that_are_published() -> None:
    names = re.findall(r"^\| `cloudedge/garden/(\w+)` \|.*\| (yes|no) \|$", PAGE, re.MULTILINE)
    assert dict(names) == {"status": "yes", "state": "yes", "change": "no", "error": "no", "picture": "yes"}
    kept = {f"cloudedge/garden/{name}" for name, is_kept in names if is_kept == "yes"}
    assert kept == set(TOPICS.retained()) - {TOPICS.discovery}


def test_the_entities_are_those_of_the_discovery() -> None:
    named = set(re.findall(r"^\| `(\w+\.cloudedge_garden_\w+)` \|", PAGE, re.MULTILINE))
    prefix = DEVICE["device"]["name"]
    made = {
        f"{entity['platform']}." + f"{prefix} {entity['name']}".lower().replace(" ", "_")
        for entity in DEVICE["components"].values()
    }
    assert named == made
    automation = pytest.importorskip("yaml").safe_load(block("yaml"))
    (trigger,), (condition,) = automation["triggers"], automation["conditions"]
    assert {trigger["entity_id"], condition["entity_id"]} <= made
    assert trigger["to"] in DEVICE["components"]["sky"]["options"]


def test_the_unit_runs_a_command_that_is_accepted() -> None:
    credential, _, start = block("ini").partition("\nExecStart=")
    _, name, *arguments = shlex.split(start.replace("\\\n", ""))
    command = cli.get_command(click.Context(cli), name)
    assert command
    parameters = command.make_context(name, arguments).params
    assert parameters["mqtt_password_file"] == "${CREDENTIALS_DIRECTORY}/mqtt"
    assert credential.startswith("LoadCredential=mqtt:")


def shell(command: str, config: Path, port: int) -> str:
    """Run a line of the page with the account of a test and the broker of a test."""
    config.mkdir(exist_ok=True)
    (config / "mosquitto_sub").write_text(f"-u {USER}\n-P {PASSWORD}\n-p {port}\n")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(config)}
    command = command.replace("homeassistant.local", "127.0.0.1")
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, env=environment, check=True)
    assert done.stderr == ""
    return done.stdout


@posix
@pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="mosquitto_sub is not installed")
def test_the_retained_state_reaches_a_shell_and_a_file(broker: Mosquitto, tmp_path: Path, seen: Any) -> None:
    with observing(broker.port) as observer:
        observer.publish(TOPICS.state, json.dumps(seen), retain=True)
    once, cron = re.findall(r"^(?:\*/5 \* \* \* \* )?(.*mosquitto_sub .*)$", PAGE, re.MULTILINE)[-2:]
    assert json.loads(shell(once, tmp_path / "config", broker.port)) == seen
    shell(cron.replace("/var/tmp", str(tmp_path)), tmp_path / "config", broker.port)
    assert json.loads((tmp_path / "sky.json").read_text()) == seen


@pytest.mark.parametrize(("fields", "expected"), [({"genus": "Stratus"}, "Stratus"), (NAMELESS_FIELDS, "dark")])
def test_a_page_of_weewx_shows_the_state(tmp_path: Path, seen: Any, fields: dict[str, Any], expected: str) -> None:
    engine = pytest.importorskip("Cheetah.Template", reason="the template engine of weewx is not installed")
    (tmp_path / "sky.json").write_text(json.dumps({**seen, **fields}))
    made = engine.Template(block("text").replace("/var/tmp", str(tmp_path)))
    assert str(made).strip() == f"<p>Sky: {expected}</p>"


def test_the_flow_for_node_red_is_whole() -> None:
    """It was run in Node-RED, which tests do not install; here, that its parts fit each other and the rows."""
    flow = {node["id"]: node for node in json.loads(block("json"))}
    wires = [(node, target) for node in flow.values() for output in node.get("wires", []) for target in output]
    assert all(target in flow for _, target in wires)
    (source,) = (node for node in flow.values() if node["type"] == "mqtt in")
    assert source["topic"] == TOPICS.state
    assert flow[source["broker"]]["type"] == "mqtt-broker"
    (switch,) = (node for node in flow.values() if node["type"] == "switch")
    values = {rule["v"] for rule in switch["rules"] if "v" in rule}
    assert values <= {genus.name for genus in GENERA} | set(NAMELESS)
    assert len(switch["rules"]) == len(switch["wires"]) == switch["outputs"]


def test_the_fields_of_telegraf_are_fields_of_a_row(seen: Any) -> None:
    """Telegraf itself is not run. It refuses a row without a field, or with a null, that is not `optional`."""
    (consumer,) = tomllib.loads(block("toml"))["inputs"]["mqtt_consumer"]
    assert consumer["topics"] == [consumer["topic_parsing"][0]["topic"]] == ["cloudedge/+/state"]
    (parser,) = consumer["json_v2"]
    nameless = {**seen, **NAMELESS_FIELDS}
    for field in parser["field"]:
        found: Any = {**seen, "reason": "low_confidence"}
        for key in field["path"].split("."):
            found = found[key]
        assert type(found) is {"string": str, "float": float, "bool": bool}[field["type"]]
        assert field.get("optional") or nameless[field["path"]] is not None
