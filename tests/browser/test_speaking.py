"""Asking by voice in the window and hearing the answer, with a recording as the microphone."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.citizen import Citizen
from tests.browser.conftest import ARGUMENTS, missing, sync_playwright
from tests.channels.serving import Server, furnish
from tests.channels.voice import tones
from tests.channels.voice.serving import with_voice

WORDS = ("养老保险", "要交多少年", "失业金")
PLAYED = """() => new Promise((done) => {
  const plain = window.Audio;
  window.heard = 0;
  window.Audio = function () {
    const audio = new plain();
    audio.addEventListener('playing', () => {
      const context = new AudioContext();
      const meter = context.createAnalyser();
      context.createMediaElementSource(audio).connect(meter);
      const values = new Float32Array(meter.fftSize);
      setInterval(() => { meter.getFloatTimeDomainData(values); window.heard = Math.max(window.heard, ...values.map(Math.abs)); }, 50);
    });
    return audio;
  };
  done();
})"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, ...]]]:
    folder = tmp_path_factory.mktemp("tones")
    return folder, tones.make_model(folder, tones.assign_codes(WORDS))


@pytest.fixture(scope="module")
def speaking(
    home: Path, model: tuple[Path, dict[str, tuple[int, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    told = {"audiosocket": "off", "transcriber": f"vosk:{model[0]}", "recognisers": 1, "phrases": False, "secret": "s"}
    settings = furnish(home, tmp_path_factory.mktemp("speaking") / "var", channels={"voice": told})
    with with_voice(settings, tmp_path_factory.mktemp("sv") / "v") as (server, _):
        yield server


@pytest.fixture(scope="module")
def chromium_that_hears(
    model: tuple[Path, dict[str, tuple[int, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Its microphone plays a question once."""
    import os
    import shutil

    program = os.environ.get("YIDA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or sync_playwright is None:
        missing("no chromium on this machine: apt-get install chromium")
    path = tmp_path_factory.mktemp("wav") / "question.wav"
    pcm = tones.synthesise(WORDS[:2], model[1], rate=48_000, lead_ms=1_200, tail_ms=4_000, amplitude=9_000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(pcm.astype("<i2").tobytes())
    arguments = [
        *ARGUMENTS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}%noloop", "--autoplay-policy=no-user-gesture-required",
    ]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


def test_a_citizen_asks_by_voice_changes_nothing_sends_and_hears_the_answer(
    chromium_that_hears: Browser, speaking: Server
) -> None:
    context = chromium_that_hears.new_context(
        base_url=speaking.url, locale="zh-CN", viewport={"width": 390, "height": 844}
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    citizen = Citizen(page).visits("/widget/demo").opens()
    page.evaluate(PLAYED)
    microphone = page.get_by_role("button", name="语音输入")
    microphone.click()
    expect(citizen.box).to_have_value("养老保险要交多少年")
    assert citizen.letters.count() == 1  # nothing is sent by itself
    page.get_by_role("button", name="说完了").click()
    expect(page.get_by_role("button", name="语音输入")).to_be_visible()
    citizen.box.press("Enter")
    expect(citizen.letters).to_have_count(2)
    aloud = citizen.letters.nth(1).get_by_role("button", name="朗读")
    aloud.click()
    expect(citizen.letters.nth(1).get_by_role("button", name="停止朗读")).to_be_visible()
    for _ in range(200):
        if page.evaluate("window.heard") > 0.02:
            break
        page.wait_for_timeout(50)
    assert page.evaluate("window.heard") > 0.02
    citizen.letters.nth(1).get_by_role("button", name="停止朗读").click()
    expect(aloud).to_be_visible()
    assert faults == []
    context.close()


def test_without_https_the_button_says_what_is_needed(chromium_that_hears: Browser, speaking: Server) -> None:
    context = chromium_that_hears.new_context(base_url=speaking.url, locale="zh-CN")
    context.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page = context.new_page()
    Citizen(page).visits("/widget/demo").opens()
    page.get_by_role("button", name="语音输入").click()
    expect(page.get_by_text("语音输入需要通过 https 打开本页")).to_be_visible()
    context.close()
