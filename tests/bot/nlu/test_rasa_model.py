"""Models on disk: trained once for the same inputs, whole or not at all; and Rasa itself on a small set."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import tarfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import yaml

from bot.config import Rasa, read_settings
from bot.errors import NeighbourError
from bot.nlu import rasa_model
from bot.nlu.entities import EntityFinder
from bot.nlu.examples import Example, TrainingData, parse_example
from bot.nlu.rasa import RasaClient, RasaNLU
from bot.nlu.rasa_keeper import RasaKeeper
from bot.understanding import Entity, Understanding
from knowledge_base.corpus import Corpus
from tests.knowledge_base.tiny import entry
from tests.servers import absent

SETTINGS = Rasa(pipeline=({"name": "JiebaTokenizer"},))
WORDINGS = [
    "卡丢了怎么办",
    "社保卡掉了",
    "卡找不到了",
    "卡不见了怎么补",
    "挂失社保卡",
    "社保卡丢失了怎么挂失",
    "补办一张卡",
]
CORPUS = Corpus((entry("a", "card.loss", *WORDINGS),), {}, {})
LINES = {
    "greet": ["您好", "你好呀", "早上好", "在吗", "您好，有人吗", "哈喽"],
    "human": ["转人工", "我要找真人", "帮我接人工客服", "换个人来说", "人工服务", "找工作人员"],
    "faq_pension_min_years": [
        "[养老](insurance_type)交了[3年](months)够吗", "交满[15年](months)可以不交吗", "我[女](sex)，[52岁](age)，才交了[13年](months)",
        "[灵活就业](person_group)交[养老](insurance_type)要几年", "还差[两年](months)怎么办", "在[杭州](city)交了[6年](months)",
    ],
}  # fmt: skip
DATA = TrainingData(
    tuple(parse_example(line, intent) for intent, lines in LINES.items() for line in lines),
    {"养老金": "养老"},
    {"city": ("杭州", "宁波")},
)

FAKE = """#!/bin/sh
# Rasa's interpreter, played: options are -I SIDECAR train --data D --config C --output O
echo ran >> {runs}
[ -f nlu.yml ] && [ -f config.yml ] && [ -f words/words.txt ] || exit 9
{does}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def play(monkeypatch: pytest.MonkeyPatch, runs: Path, does: str) -> None:
    fake = runs.with_name("python")
    fake.write_text(FAKE.format(runs=runs, does=does))
    fake.chmod(0o755)
    monkeypatch.setattr(rasa_model, "PYTHON", fake)


class TestTraining:
    def test_the_same_inputs_are_trained_once(self, home: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        play(monkeypatch, runs, "cp nlu.yml model.tar.gz")
        first = rasa_model.train(SETTINGS, DATA, CORPUS, home)
        assert rasa_model.train(SETTINGS, DATA, CORPUS, home) == first
        assert runs.read_text().count("ran") == 1
        assert [p.name for p in (home / "rasa").iterdir()] == [first.name]

    def test_another_pipeline_or_other_words_make_another_model(
        self, home: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        play(monkeypatch, runs, "cp nlu.yml model.tar.gz")
        made = {
            rasa_model.train(SETTINGS, DATA, CORPUS, home),
            rasa_model.train(Rasa(pipeline=({"name": "WhitespaceTokenizer"},)), DATA, CORPUS, home),
            rasa_model.train(SETTINGS, TrainingData((Example("您好", "greet"),)), CORPUS, home),
            rasa_model.train(Rasa(pipeline=SETTINGS.pipeline, wordings_per_topic=1), DATA, CORPUS, home),
        }
        assert len(made) == 4
        assert len(list((home / "rasa").glob("*.tar.gz"))) == rasa_model.KEPT

    def test_what_the_files_ask_for_is_the_newest_again(
        self, home: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        play(monkeypatch, runs, "cp nlu.yml model.tar.gz")
        first = rasa_model.train(SETTINGS, DATA, CORPUS, home)
        os.utime(first, (1, 1))
        second = rasa_model.train(SETTINGS, TrainingData(()), CORPUS, home)
        assert rasa_model.newest(home) == (second.name.removesuffix(".tar.gz"), second)
        rasa_model.train(SETTINGS, DATA, CORPUS, home)
        assert rasa_model.newest(home) == (first.name.removesuffix(".tar.gz"), first)

    def test_without_a_model_there_is_none(self, home: Path) -> None:
        assert rasa_model.newest(home) is None

    @pytest.mark.parametrize(
        ("does", "message"),
        [("echo 'no such thing' >&2; exit 1", "no such thing"), ("exit 0", "failed"), ("sleep 9", "timed out")],
    )
    def test_a_training_that_fails_leaves_nothing(
        self, home: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, does: str, message: str
    ) -> None:
        play(monkeypatch, runs, does)
        monkeypatch.setattr(rasa_model, "PATIENCE", 0.5)
        with pytest.raises(NeighbourError, match=message):
            rasa_model.train(SETTINGS, DATA, CORPUS, home)
        assert list((home / "rasa").iterdir()) == []

    def test_without_rasas_interpreter_it_says_so(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rasa_model, "PYTHON", Path("/nowhere/python"))
        assert not rasa_model.is_installed()
        with pytest.raises(NeighbourError, match="nowhere"):
            rasa_model.train(SETTINGS, DATA, CORPUS, home)

    def test_rasa_gets_its_config_in_its_own_words_and_none_of_our_secrets(
        self, home: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("YIDA_CONTACT_KEY", "secret")
        monkeypatch.setenv("PYTHONPATH", "/somewhere")
        play(monkeypatch, runs, f"cp config.yml {tmp_path}/seen.yml; env > {tmp_path}/env; cp nlu.yml model.tar.gz")
        rasa_model.train(SETTINGS, DATA, CORPUS, home)
        config = yaml.safe_load((tmp_path / "seen.yml").read_text("utf-8"))
        assert config["pipeline"] == [{"name": "JiebaTokenizer"}]
        assert (config["language"], config["policies"], config["recipe"]) == ("zh", [], "default.v1")
        environment = (tmp_path / "env").read_text()
        assert "YIDA" not in environment
        assert "PYTHONPATH" not in environment
        assert "OMP_NUM_THREADS=1" in environment


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model that Rasa trained with the pipeline of config.yml."""
    if not rasa_model.is_installed():
        absent(".venv-rasa is missing: make rasa-setup")
    home = tmp_path_factory.mktemp("rasa-home")
    rasa_model.train(read_settings({}).nlu.rasa, DATA, CORPUS, home)
    return home


class NoLocal:
    """Rasa has to answer itself."""

    entities = EntityFinder.of(DATA)

    def understand_now(self, text: str) -> Understanding:
        raise AssertionError("the local engine was asked")


@asynccontextmanager
async def running(home: Path, socket: Path) -> AsyncIterator[RasaKeeper]:
    keeper = RasaKeeper(socket, lambda: rasa_model.newest(home))
    task = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(110):
            while not socket.exists():
                await asyncio.sleep(0.05)
        yield keeper
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.rasa
@pytest.mark.timeout(400)
class TestRasaItself:
    async def test_it_understands_survives_bad_input_and_leaves_nothing_behind(self, trained: Path, path: Path) -> None:
        model = rasa_model.newest(trained)
        assert model
        async with running(trained, path) as keeper:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            client = RasaClient(path, deadline=5)
            nlu = RasaNLU(client, NoLocal())  # type: ignore[arg-type]
            told = await nlu.understand("女，52岁，养老交了13年")
            assert (told.intent, told.engine) == ("faq_pension_min_years", "rasa")
            assert Entity("months", "156", 10, 13) in told.entities
            assert (await nlu.understand("我要转人工")).intent == "human"
            assert (await nlu.understand("社保卡丢了")).intent == "faq_card_loss"

            reader, writer = await asyncio.open_unix_connection(str(path))
            for line in (b"{not json", b"[]", b"3", b"\xff", b'{"text": ""}', b"{}", b'{"text": 5}', b'{"text": null}'):
                writer.write(line + b"\n")
                assert json.loads(await reader.readline())["model_id"] == model[0]
            writer.write(json.dumps({"text": "社保" * 5000}).encode() + b"\n")
            assert "intent" in json.loads(await reader.readline())
            writer.close()

            before = await _parse_ms(client)
            assert before < 100  # milliseconds, on a busy machine
            client.close()
            pid = keeper.pid
        assert pid
        assert not psutil.pid_exists(pid)
        assert [p.name for p in path.parent.iterdir()] == []
        assert not Path(".rasa").exists()

    async def test_a_damaged_model_is_not_taken_and_a_good_one_takes_over_without_a_gap(
        self, trained: Path, path: Path, tmp_path: Path
    ) -> None:
        whole = rasa_model.newest(trained)
        assert whole
        (tmp_path / "rasa").mkdir()
        good = tmp_path / "rasa" / "good.tar.gz"
        good.write_bytes(whole[1].read_bytes())
        os.utime(good, (1, 1))
        cut = tmp_path / "rasa" / "cut.tar.gz"
        async with running(tmp_path, path) as keeper:
            client = RasaClient(path, deadline=5)
            cut.write_bytes(whole[1].read_bytes()[: whole[1].stat().st_size // 2])
            slowest = await self._asked_until(client, "good", lambda: not cut.exists())
            assert keeper.starts == 2
            (tmp_path / "rasa" / "next.tar.gz").write_bytes(whole[1].read_bytes())
            slowest = max(slowest, await self._asked_until(client, "next", None))
            client.close()
            print(f"slowest question during changes: {slowest * 1000:.0f} ms")

    async def _asked_until(self, client: RasaClient, name: str, done: object) -> float:
        """Asks on and on: no question fails."""
        slowest = 0.0
        async with asyncio.timeout(150):
            while True:
                began = time.monotonic()
                told = await client.ask({"text": "您好"})
                slowest = max(slowest, time.monotonic() - began)
                assert told["intent"]["name"] == "greet"
                if told["model_id"] == name and (done is None or (callable(done) and done())):
                    return slowest
                await asyncio.sleep(0.01)

    def test_a_model_holds_the_classifier_and_our_words(self, trained: Path) -> None:
        model = rasa_model.newest(trained)
        assert model
        with tarfile.open(model[1]) as tar:
            names = tar.getnames()
        assert any("LogisticRegression" in name for name in names)
        assert any("words.txt" in name for name in names)


async def _parse_ms(client: RasaClient) -> float:
    """The median of a hundred."""
    took = []
    for n in range(100):
        began = time.perf_counter()
        await client.ask({"text": f"养老保险交了{n}年够不够"})
        took.append(time.perf_counter() - began)
    return sorted(took)[50] * 1000
