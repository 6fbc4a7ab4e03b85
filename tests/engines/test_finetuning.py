"""``manage.py finetune_voice`` from recordings to a model that speaks, on a shrunken XTTS."""

from __future__ import annotations

import io
import math
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from aiker.audio.wav import wav_bytes
from engines.backends.stt import FasterWhisper
from engines.catalog import get_model, model_dir
from engines.fetch import verify
from engines.local.base import TTS_SAMPLE_RATE
from engines.local.kokoro import KokoroTTS
from engines.local_models import register_local, workshop
from engines.models import EngineConfig, VoiceProfile, VoiceSample
from engines.registry import Place
from engines.server.stages import stages_for
from engines.voices.scorecard import error_rate
from tests.engines.serving import serving
from tests.ports import free_port

torch = pytest.importorskip("torch", reason="needs PyTorch: make test-torch")
pytest.importorskip("TTS", reason="needs PyTorch: make test-torch")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.django_db,
    pytest.mark.models,
    pytest.mark.usefixtures("english"),
]

LINES = (
    "我们周一到周五早上九点开门。",
    "会议室需要提前预订。",
    "请您留下姓名和电话。",
)
ORDERS = {"forth": LINES * 2, "back": LINES[::-1] * 2}
WEIGHTS = django_settings.AIKER.models
STEP = re.compile(r"Step (\d+) of (\d+), epoch (\d+) of \d+: loss (\d+\.\d+)")


@pytest.fixture(scope="module")
def read_aloud() -> list[bytes]:
    """Two WAV files with the lines in both orders, each line synthesised once."""
    tts = KokoroTTS(WEIGHTS / "kokoro-int8", 2, django_settings.AIKER.data_dir / "cache")
    said = {line: np.frombuffer(b"".join(tts.pieces(line, "zf_xiaobei")), "<i2") for line in LINES}
    pause = np.zeros(TTS_SAMPLE_RATE * 6 // 10, np.int16)
    return [
        wav_bytes(TTS_SAMPLE_RATE, np.concatenate([part for line in order for part in (said[line], pause)]))
        for order in ORDERS.values()
    ]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with a shrunken XTTS, registered as ``tiny-xtts``."""
    from tests.engines.tiny.xtts import add_training_files, make_xtts

    root = tmp_path_factory.mktemp("finetuning") / "models"
    made = replace(get_model("xtts-v2"), id="tiny-xtts", snapshot=None, origin="tests")
    with workshop(made.id, root) as folder:
        # 80 tokens are 3.6 s: the longest line fits.
        make_xtts(folder, audio_tokens=80)
        add_training_files(folder)
        register_local(made, folder, root)
    return root


@pytest.fixture
def voice(base: Path, read_aloud: list[bytes], tmp_path: Path, settings: Settings) -> Iterator[VoiceProfile]:
    """A voice with consent and both recordings, on an engine of the shrunken model."""
    settings.AIKER = settings.AIKER.model_copy(
        update={"models": base, "data_dir": tmp_path / "var", "engine_threads": 2}
    )
    settings.MEDIA_ROOT = tmp_path / "media"
    engine = EngineConfig(slug="tiny", name="Tiny", backend="xtts", parameters={"model": "tiny-xtts"})
    engine.full_clean()
    engine.save()
    voice = VoiceProfile(slug="anna_su", name="Anna", engine=engine, speaker="Anna Su")
    voice.consented_on = date(2026, 1, 2)
    voice.consent.save("consent.pdf", ContentFile(b"%PDF-1.4 signed"), save=False)
    voice.save()
    for name, wav in zip(ORDERS, read_aloud, strict=True):
        VoiceSample(voice=voice).recording.save(f"{name}.wav", ContentFile(wav))
    yield voice
    # 300 MB a checkpoint: pytest would keep those of three runs.
    for folder in [tmp_path / "var", *(path for path in base.iterdir() if path.name != "tiny-xtts")]:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, lines in ORDERS.items():
        (folder / f"{name}.txt").write_text("\n".join(lines))
    return folder


class Console(io.StringIO):
    """What the command prints; Ctrl-C is pressed when ``stop_at`` is printed."""

    stop_at = "never"

    def write(self, text: str) -> int:
        if text.startswith(self.stop_at):
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(text)


def finetune(texts: Path | None, stop_at: str = "never", **options: Any) -> str:
    console = Console()
    console.stop_at = stop_at
    options = {"epochs": 3, "batch_size": 4, "learning_rate": 2e-3} | options
    try:
        call_command("finetune_voice", "anna_su", texts=texts, stdout=console, **options)
    except CommandError as exc:
        return f"{console.getvalue()}{exc.returncode} {exc}"
    return console.getvalue()


def steps(printed: str) -> dict[int, float]:
    return {int(match[1]): float(match[4]) for match in STEP.finditer(printed)}


def weights(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "model.pth", weights_only=True)["model"]
    return state


def test_a_voice_is_learned_over_an_interruption_and_spoken_with(voice: VoiceProfile, texts: Path) -> None:
    begun = finetune(texts, stop_at="Step 2 of")
    assert "130 Stopped" in begun
    assert list(steps(begun)) == [1, 2]

    ended = finetune(texts)
    assert "Going on after step 2 of 9." in ended
    losses = steps(begun) | steps(ended)
    assert list(losses) == list(range(1, 10))
    assert all(math.isfinite(loss) for loss in losses.values())
    assert np.mean([losses[7], losses[8], losses[9]]) < 0.7 * np.mean([losses[1], losses[2], losses[3]])
    held_out = [float(loss) for loss in re.findall(r"held out (\d+\.\d+)", ended)]
    assert len(held_out) == 3
    assert held_out[2] < held_out[0]

    model = get_model("tiny-xtts-anna_su")
    assert (model.licence, model.commercial) == ("CPML", False)
    assert model.origin == "finetune_voice anna_su"
    assert verify(model, django_settings.AIKER.models) == []
    assert {file.path for file in model.files} == {"config.json", "model.pth", "vocab.json"}
    old, new = weights(model_dir("tiny-xtts")), weights(model_dir(model.id))
    assert set(new) == set(old)
    changed = {name for name, weight in new.items() if not torch.equal(weight, old[name])}
    assert {name.partition(".")[0] for name in changed} == {"gpt"}

    engine = EngineConfig(slug="own", name="Own", backend="xtts", parameters={"model": model.id})
    engine.full_clean()
    built: Any = engine.build()
    tts = built.load(Place(2, django_settings.AIKER.data_dir / "cache"))
    speech = np.concatenate(_recordings(voice))
    tts.store.save("anna", tts.clone([speech]), tts.fingerprint)
    pcm = np.frombuffer(next(tts.pieces("您好。", "anna")), "<i2")
    assert len(pcm) > TTS_SAMPLE_RATE // 10
    assert np.abs(pcm).max() > 0

    assert "models remove tiny-xtts-anna_su" in finetune(texts)
    assert "had another batch_size" in finetune(texts, to="other", batch_size=2)


def _recordings(voice: VoiceProfile) -> list[np.ndarray]:
    from engines.voices.recordings import examine

    heard = [examine(sample).samples for sample in voice.samples.all()]
    return [samples for samples in heard if samples is not None]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command stops before the training."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9, 10**6))


@pytest.mark.usefixtures("full_disk")
def test_corrected_lists_are_kept_and_checked(voice: VoiceProfile, texts: Path) -> None:
    assert "Checkpoints need up to" in finetune(texts)
    lists = django_settings.AIKER.data_dir / "finetune" / voice.slug / "data" / "metadata_train.csv"
    corrected = lists.read_text().replace("提前预订", "提前预定")
    assert corrected != lists.read_text()
    lists.write_text(corrected)
    assert "Checkpoints need up to" in finetune(texts)
    assert lists.read_text() == corrected

    lists.write_text(corrected.replace("提前预定", "ø"))
    assert "metadata_train.csv: characters that the model does not know" in finetune(texts)


@pytest.mark.usefixtures("voice")
def test_without_consent_nothing_is_read(texts: Path) -> None:
    VoiceProfile.objects.update(speaker="", consented_on=None)
    refused = finetune(texts)
    assert "consent is not recorded: who the speaker is is missing" in refused
    assert not (django_settings.AIKER.data_dir / "finetune").exists()


@pytest.mark.usefixtures("voice")
def test_a_voice_without_recordings_is_refused() -> None:
    VoiceSample.objects.all().delete()
    assert "There is no recording to clone" in finetune(None)


def test_a_recording_that_cannot_be_read_is_named(voice: VoiceProfile, texts: Path) -> None:
    VoiceSample(voice=voice).recording.save("broken.wav", ContentFile(b"RIFF, and then no more"))
    refused = finetune(texts)
    assert re.search(r"broken\.wav: .*could not be read", refused)


@pytest.mark.usefixtures("voice")
def test_an_engine_that_does_not_clone_is_refused(texts: Path) -> None:
    engine = EngineConfig.objects.create(slug="kokoro", name="Kokoro", backend="kokoro", stage="tts")
    VoiceProfile.objects.update(engine=engine)
    assert "Only XTTS can be fine-tuned" in finetune(texts)
    VoiceProfile.objects.update(engine=None)
    assert "Only XTTS can be fine-tuned" in finetune(texts)


@pytest.mark.usefixtures("voice")
def test_a_model_that_cannot_be_trained_names_what_it_lacks(texts: Path) -> None:
    dvae = model_dir("tiny-xtts") / "dvae.pth"
    aside = dvae.rename(dvae.with_suffix(".aside"))
    made = get_model("tiny-xtts")
    files = tuple(file for file in made.files if file.path != "dvae.pth")
    with workshop("no-dvae", django_settings.AIKER.models) as folder:
        for file in files:
            shutil.copyfile(model_dir("tiny-xtts") / file.path, folder / file.path)
        register_local(replace(made, id="no-dvae"), folder, django_settings.AIKER.models)
    aside.rename(dvae)
    EngineConfig.objects.update(parameters={"model": "no-dvae"})

    assert "no-dvae lacks dvae.pth, which only training needs. Copy it there" in finetune(texts)

    shutil.copyfile(model_dir("no-dvae") / "model.pth", model_dir("no-dvae") / "dvae.pth")
    assert "dvae.pth is not the DVAE of XTTS" in finetune(texts)


def test_too_little_speech_is_refused(voice: VoiceProfile, texts: Path) -> None:
    voice.samples.order_by("pk")[0].delete()
    (texts / "forth.txt").unlink()
    assert "not enough speech: upload recordings with 30 s" in finetune(texts)


@pytest.mark.usefixtures("voice")
def test_a_text_that_is_not_of_the_recording_is_refused(texts: Path) -> None:
    (texts / "forth.txt").write_text("\n".join(LINES * 9))
    assert re.search(r"text of \w+-forth\.wav does not fit it: 27 lines for", finetune(texts))
    (texts / "forth.txt").write_bytes("您好".encode("gbk"))
    assert "forth.txt is not text in UTF-8" in finetune(texts)


@pytest.mark.usefixtures("voice")
def test_a_text_of_no_recording_is_named(texts: Path) -> None:
    (texts / "fort.txt").write_text("您好。")
    assert re.search(r"belong to no recording: fort\. The recordings: \w+-forth, \w+-back", finetune(texts))


@pytest.mark.usefixtures("full_disk")
def test_without_texts_the_engine_server_hears(voice: VoiceProfile, settings: Settings) -> None:
    (settings.AIKER.models / "whisper-base").symlink_to(WEIGHTS / "whisper-base")
    with serving(stages_for({"whisper-base": FasterWhisper()}, Place(2, settings.AIKER.data_dir))) as port:
        settings.AIKER = settings.AIKER.model_copy(update={"engines_port": port})
        assert "Checkpoints need up to" in finetune(None)

    lists = (settings.AIKER.data_dir / "finetune" / voice.slug / "data").glob("metadata_*.csv")
    heard = [row.partition("|")[2] for path in lists for row in path.read_text().splitlines()[1:]]
    assert len(heard) == 12
    assert np.mean([min(error_rate(line, text) for line in LINES) for text in heard]) < 0.3


@pytest.mark.usefixtures("voice")
def test_an_engine_server_that_does_not_answer_is_named(settings: Settings) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"engines_port": free_port()})
    assert f"{settings.AIKER.engines_url} cannot be reached" in finetune(None)


@pytest.mark.usefixtures("voice")
def test_a_voice_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match=r"no voice “bob”; there are: anna_su"):
        call_command("finetune_voice", "bob")
