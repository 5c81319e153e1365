"""What the command says of itself and of its settings: one sentence for what is wrong, and no traceback."""

import pytest

from tests.cli.command import Place, run


async def test_help_names_every_command(place: Place) -> None:
    """`--help` lists what there is to do."""
    told = await run(place, "--help")
    assert told.code == 0
    for command in ("serve", "demo", "invite", "check-config", "audit"):
        assert f"  {command}" in told.out


async def test_good_settings_are_shown_without_secrets(place: Place) -> None:
    """`check-config` exits with 0 and shows what the settings come to, but not the token."""
    secrets = {"BROTJENESTE_AUTH_API_TOKEN": "t" * 30, "BROTJENESTE_STORE_URL": "postgresql://bridge:uuuuu@db/x"}
    told = await run(place, "check-config", BROTJENESTE_ROOMS_AUDIO_SLOTS="3", **secrets)
    assert (told.code, told.err) == (0, "")
    assert str(place.ports[0]) in told.out
    assert "(secret)" in told.out
    assert "ttttt" not in told.out
    assert "postgresql://bridge:***@db/x" in told.out
    assert "uuuuu" not in told.out


@pytest.mark.parametrize("command", ["check-config", "invite --role patient --name N"])
async def test_a_small_command_does_not_wait_for_what_the_bridge_needs(place: Place, command: str) -> None:
    """Neither the database's library nor the engine is imported to look at a setting or to ask for a link."""
    told = await run(place, *command.split(), PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in told.err.splitlines()}
    assert "bridge.config" in imported
    assert imported.isdisjoint({"sqlalchemy", "numpy", "av", "aiortc", "media.api"})


@pytest.mark.parametrize(
    "command", ["check-config", "serve", "demo", "invite --role patient --name N", "audit verify"]
)
async def test_a_bad_setting_is_one_sentence_and_an_exit_code(place: Place, command: str) -> None:
    """Every command names the setting, the value and where it came from, on one line, and exits with 1."""
    told = await run(place, *command.split(), BROTJENESTE_HTTP_PORT="70000")
    assert (told.code, told.out) == (1, "")
    assert told.err.count("\n") == 1
    assert told.err.startswith(
        "Error: [http] port must be from 1 to 65535, not 70000 (from BROTJENESTE_HTTP_PORT)"
    )


async def test_a_missing_and_a_broken_file_are_named(place: Place) -> None:
    """`--config` with a file that is not there, is no TOML, or has an unknown key."""
    (place.folder / "broken.toml").write_text("[http\n")
    (place.folder / "odd.toml").write_text("[http]\nprot = 1\n")
    for name, said in (("none", "cannot read"), ("broken", "is not TOML"), ("odd", "unknown key prot")):
        told = await run(place, "check-config", "--config", f"{name}.toml")
        assert told.code == 1
        assert said in told.err
        assert "Traceback" not in told.err


async def test_a_port_in_use_is_one_sentence(place: Place) -> None:
    """A bridge that cannot listen says so and exits with 1."""
    place.ports[1] = place.ports[0]
    told = await run(place, "serve", BROTJENESTE_METRICS_HOST="localhost")
    assert told.code == 1
    assert "Traceback" not in told.out + told.err
    assert told.err.splitlines()[-1].startswith("Error: ")


async def test_nobody_answers_an_invitation(place: Place) -> None:
    """`invite` without a running bridge is one sentence."""
    told = await run(place, "invite", "--role", "patient", "--name", "N")
    assert told.code == 1
    assert told.err.startswith("Error: ")
    assert told.err.count("\n") == 1
