"""Workers as processes: jobs placed, changed and stopped, workers that die, and noise on their sockets."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.transcode.peers import Camera, Engine, Loudspeaker, Microphone, Screen, picture_format, sound_format
from transcode import rtp
from transcode.errors import BadJob, UnknownJob
from transcode.jobs import (
    Compose,
    Figures,
    JobFigures,
    Mix,
    Overloaded,
    PictureIn,
    PictureOut,
    Said,
    Scene,
    SoundIn,
    SoundOut,
    Started,
    Tile,
)
from transcode.pool import Pool
from transcode.tones import SAMPLE_RATE, Tone, dominant_frequency

CAMERA, PICTURE, VOICE, SOUND = 11, 21, 31, 41


def compose(peer: int, number: int = 1, scene: Scene | None = None) -> Compose:
    """A job that converts a picture, or shows a scene."""
    scene = scene or Scene(tiles=(Tile(input=CAMERA),))
    out = PictureOut(
        ssrc=PICTURE, format=picture_format("h264"), width=320, height=240, scene=scene, bitrate=400_000
    )
    return Compose(
        id=number, peer=peer, inputs=(PictureIn(ssrc=CAMERA, formats=(picture_format("vp8"),)),), outs=(out,)
    )


def mix(peer: int, number: int = 2) -> Mix:
    """A job that converts a voice."""
    voice = SoundIn(ssrc=VOICE, formats=(sound_format("opus"),))
    return Mix(
        id=number,
        peer=peer,
        inputs=(voice,),
        outs=(SoundOut(ssrc=SOUND, format=sound_format("pcma"), of=(VOICE,)),),
    )


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """The other end of all jobs."""
    one = Engine()
    one.outs[PICTURE], one.outs[SOUND] = Screen("h264"), Loudspeaker("pcma")
    yield one
    one.close()


async def test_a_worker_that_dies_or_hangs_is_replaced_and_its_feeds_go_on(engine: Engine) -> None:
    """One after the other: same port, numbers without a gap, times never back, and a key frame first."""
    events = []
    screen, camera = engine.outs[PICTURE], Camera(7, CAMERA, "vp8")

    def step() -> None:
        camera.key |= CAMERA in engine.plis
        engine.plis.clear()
        engine.send(*camera.packets())

    async with Pool(events.append, workers=1) as pool:
        port = await pool.start(compose(engine.port))
        engine.connect(port)
        await engine.until(lambda: len(screen.readings) >= 5, step)
        for death, end in enumerate((signal.SIGKILL, signal.SIGSTOP), 1):
            keys, victim = screen.keys, pool.worker_of(1)
            os.kill(victim, end)
            await engine.until(lambda keys=keys: screen.keys > keys and screen.seen, step)
            assert pool.worker_of(1) != victim
            assert pool.deaths == death
    assert [(one.port, one.again) for one in events if isinstance(one, Started)] == [
        (port, False),
        *[(port, True)] * 2,
    ]
    assert screen.seen.identity == 7
    seqs = [packet.seq for packet in screen.packets]
    assert seqs == list(range(len(seqs)))
    stamps = [packet.timestamp for packet in screen.packets]
    assert stamps == sorted(stamps)


async def test_a_job_moves_from_a_worker_with_too_much_to_one_with_room(engine: Engine) -> None:
    """The dearest, with its port and numbers; it is said to be too much where there is no room."""
    events: list[object] = []
    screen, camera = engine.outs[PICTURE], Camera(7, CAMERA, "vp8")

    def step() -> None:
        camera.key |= CAMERA in engine.plis
        engine.plis.clear()
        engine.send(*camera.packets())

    async with Pool(events.append, workers=2) as pool:
        port = await pool.start(compose(engine.port, 1))
        others = [await pool.start(compose(engine.port, number)) for number in (3, 4, 5)]
        assert port not in others
        engine.connect(port)
        await engine.until(lambda: len(screen.readings) >= 5, step)
        crowded = pool.worker_of(1)
        together = next(number for number in (3, 4, 5) if pool.worker_of(number) == crowded)
        for number in {3, 4, 5} - {together}:
            pool.stop(number)
        (process,) = [one for one in pool._places.values() if one.pid == crowded]
        keys = screen.keys
        for spent in (0.5, 1.0, 1.5):
            pool._hear(
                Figures(
                    load=0.97,
                    late_ms_max=10.0,
                    jobs=(JobFigures(job=1, cpu_s=spent), JobFigures(job=together, cpu_s=spent / 2)),
                ),
                process,
            )
        await engine.until(lambda: screen.keys > keys and screen.seen, step)
        assert pool.worker_of(1) != crowded
        assert pool.worker_of(together) == crowded
        assert not [one for one in events if isinstance(one, Overloaded)]
    seqs = [packet.seq for packet in screen.packets]
    assert seqs == list(range(len(seqs)))


async def test_sound_goes_on_when_the_worker_of_pictures_dies_and_noise_disturbs_nobody(engine: Engine) -> None:
    """Noise is counted, and the tone is heard through it."""
    events = []
    speaker, microphone = engine.outs[SOUND], Microphone(Tone(440.0), VOICE, "opus")
    async with Pool(events.append, workers=1) as pool:
        engine.connect(await pool.start(mix(engine.port)))
        other = Engine()
        other.connect(await pool.start(compose(other.port)))
        assert pool.worker_of(1) != pool.worker_of(2)
        os.kill(pool.worker_of(1), signal.SIGKILL)
        noise = [b"", b"\x80", bytes(40), os.urandom(200), b"\x80\xc8\x00\xff", b"\x81\xce\x00\x02" + bytes(8)]
        strange = rtp.rtp_header(111, 1, 1, 999, marker=False) + b"\x00" * 20

        began = asyncio.get_running_loop().time()

        def step() -> None:
            engine.send(*noise, strange)
            while microphone.count * 0.02 < asyncio.get_running_loop().time() - began:
                engine.send(microphone.packet())

        def in_tune() -> bool:
            return abs(dominant_frequency(speaker.samples(10), SAMPLE_RATE)[0] - 440) < 3

        await engine.until(lambda: len(speaker.heard) >= 20 and in_tune(), step)
        told = lambda: [job for one in events if isinstance(one, Figures) for job in one.jobs if job.job == 2]  # noqa: E731
        await engine.until(lambda: told() and told()[-1].refused_datagrams > 50, step)
        other.close()
    assert engine.reports >= 1


async def test_jobs_are_placed_changed_and_stopped_and_what_cannot_be_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers have a job each, and know none of our settings; nothing is left when the pool has ended."""
    monkeypatch.setenv("BROTJENESTE_STORE_URL", "postgresql://bridge:secret@db/bridge")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")
    events = []
    async with Pool(events.append, workers=2) as pool:
        first, second = await asyncio.gather(
            pool.start(compose(engine.port, 1)), pool.start(compose(engine.port, 3))
        )
        assert first != second
        assert pool.worker_of(1) != pool.worker_of(3)
        with pytest.raises(BadJob):
            await pool.start(compose(engine.port, 1))
        with pytest.raises(BadJob):
            await pool.start(compose(engine.port, 4, Scene(tiles=(Tile(input=99),))))
        with pytest.raises(UnknownJob):
            pool.worker_of(4)
        engine.connect(second)
        pool.change(compose(engine.port, 3, Scene(text=("Velkommen",))))
        screen = engine.outs[PICTURE]
        await engine.until(lambda: screen.last.max() > 180)
        keys = screen.keys
        pool.want_key_frame(3, PICTURE)
        await engine.until(lambda: screen.keys > keys)
        await pool.start(mix(engine.port))
        pool.say(2, SOUND, b"\x00\x10" * 4800)
        await engine.until(lambda: any(isinstance(one, Said) for one in events))
        pool.stop(3)
        pool.stop(3)
        with pytest.raises(UnknownJob):
            pool.set_rate(3, PICTURE, 100_000)
        pids = list(pool.pids.values())
        known = await asyncio.to_thread(lambda: [Path(f"/proc/{pid}/environ").read_bytes() for pid in pids])
        assert all(b"OPENBLAS_NUM_THREADS" in one for one in known)
        assert not any(ours in one for ours in (b"secret", b"GLIBC_TUNABLES") for one in known)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
