"""The configuration that a Janus of our own is started with."""

from pathlib import Path

from loadtest.adapters import janus_config as jc


def written(folder: Path, variant: jc.Variant) -> dict[str, str]:
    """The files of a configuration, by name."""
    jc.write(jc.Place(folder, "10.77.0.1", 8188, 7188, "hush"), variant)
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_values_are_in_libconfig_notation() -> None:
    """Texts are quoted, truths are words, numbers are bare."""
    text = jc.render({"general": {"a": 'x"y', "b": True, "c": 1}})

    assert text == 'general: {\n\ta = "x\\"y"\n\tb = true\n\tc = 1\n}\n'


def test_both_apis_are_on_loopback_and_ask_for_the_secret(tmp_path: Path) -> None:
    """Nobody else on the machine's networks can reach them, and nobody without the secret."""
    files = written(tmp_path, jc.AT_ITS_BEST)

    assert 'ws_ip = "127.0.0.1"' in files["janus.transport.websockets.jcfg"]
    assert 'admin_ws_ip = "127.0.0.1"' in files["janus.transport.websockets.jcfg"]
    assert 'api_secret = "hush"' in files["janus.jcfg"]
    assert 'admin_secret = "hush"' in files["janus.jcfg"]


def test_the_secret_is_not_shown(tmp_path: Path) -> None:
    """A place that ends up in a message does not tell it."""
    assert "hush" not in repr(jc.Place(tmp_path, "10.77.0.1", 1, 2, "hush"))


def test_media_is_on_the_one_address(tmp_path: Path) -> None:
    """Candidates are gathered there alone, in ICE-lite."""
    core = written(tmp_path, jc.AS_IT_COMES)["janus.jcfg"]

    assert 'ice_enforce_list = "10.77.0.1"' in core
    assert "ice_lite = true" in core


def test_at_its_best_there_is_one_event_loop(tmp_path: Path) -> None:
    """The two subjects differ in the setting that matters most."""
    assert "event_loops = 1" in written(tmp_path, jc.AT_ITS_BEST)["janus.jcfg"]
    assert "event_loops" not in written(tmp_path, jc.AS_IT_COMES)["janus.jcfg"]


def test_a_report_names_every_setting() -> None:
    """What was set is in one flat table, by section."""
    table = jc.settings(jc.AT_ITS_BEST)

    assert table["general.event_loops"] == 1
    assert table["nat.ice_lite"] is True
    assert table["room.transport_wide_cc_ext"] is False
