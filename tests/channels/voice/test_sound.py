"""Mu-law, other rates, and whether somebody speaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice import sound
from channels.voice.sound import Resampler, Voicing


def noise(level: float, ms: int, rate: int = 8_000, seed: int = 1) -> bytes:
    return sound.pcm(
        np.random.default_rng(seed).normal(0, level, rate * ms // 1000).clip(-32768, 32767).astype(np.int16)
    )


def after(*pieces: bytes, rate: int = 8_000) -> Voicing:
    voicing = Voicing(rate)
    for piece in pieces:
        voicing.take(piece)
    return voicing


def test_every_code_of_mu_law_comes_back() -> None:
    codes = bytes(c for c in range(256) if c != 0x7F)  # 0x7f and 0xff are both zero
    assert sound.to_ulaw(sound.from_ulaw(codes)) == codes


@given(st.lists(st.integers(-32768, 32767), max_size=200))
def test_mu_law_stays_near_what_was_said(values: list[int]) -> None:
    told = np.array(values, np.int16)
    back = sound.samples(sound.from_ulaw(sound.to_ulaw(sound.pcm(told)))).astype(int)
    assert all(
        abs(b - v) <= max(8, abs(v) / 16) + 150 * (abs(v) > 32635) for v, b in zip(told.astype(int), back, strict=True)
    )


@pytest.mark.parametrize(("rate", "to"), [(8_000, 16_000), (16_000, 8_000), (22_050, 8_000), (8_000, 8_000)])
def test_sound_in_pieces_is_the_sound_as_a_whole(rate: int, to: int) -> None:
    told = sound.beep(rate, 400, 1000)
    resampler = Resampler(rate, to)
    pieces = b"".join(resampler.take(told[at : at + rate // 50 * 2]) for at in range(0, len(told), rate // 50 * 2))
    whole = sound.resampled(told, rate, to)
    assert abs(len(pieces) - len(whole)) <= 4
    a, b = sound.samples(pieces).astype(float), sound.samples(whole).astype(float)
    best = max(np.corrcoef(a[d : d + to // 2], b[: to // 2])[0, 1] for d in range(60))
    assert best > 0.99


def test_speech_is_heard_and_its_end_too() -> None:
    voicing = after(sound.silence(8_000, 500), sound.beep(8_000, 400, 600))
    assert 500 <= voicing.speaks_ms <= 640
    assert voicing.quiet_ms == 0
    voicing.take(sound.silence(8_000, 800))
    assert voicing.speaks_ms == 0
    assert 700 <= voicing.quiet_ms <= 800


@pytest.mark.parametrize(
    "quiet",
    [sound.silence(8_000, 3000), noise(60, 3000), noise(3000, 6000), sound.pcm(np.full(24_000, 9000, np.int16))],
)
def test_silence_steady_noise_and_a_direct_current_are_no_speech(quiet: bytes) -> None:
    assert after(quiet).speaks_ms == 0


def test_clipped_speech_with_an_offset_is_still_speech() -> None:
    loud = np.clip(sound.samples(sound.beep(8_000, 300, 500)).astype(int) * 20 + 8000, -32768, 32767).astype(np.int16)
    assert after(sound.silence(8_000, 400), sound.pcm(loud)).speaks_ms >= 400


def test_a_click_is_no_speech() -> None:
    click = sound.silence(8_000, 200) + sound.pcm(np.full(80, 20_000, np.int16)) + sound.silence(8_000, 200)
    assert after(sound.silence(8_000, 400), click).speaks_ms == 0


@given(st.lists(st.binary(max_size=1000), max_size=10))
def test_any_bytes_are_heard_without_a_fault(pieces: list[bytes]) -> None:
    voicing = after(*pieces)
    assert voicing.quiet_ms >= 0
