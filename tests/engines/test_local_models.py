"""Models made on this machine stand beside those of the catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django.fixtures import Settings

from engines.catalog import RECORD, CatalogError, Model, get_model, load_catalog, model_dir
from engines.download import FetchError
from engines.fetch import ensure, is_installed, verify
from engines.local_models import register_local, workshop
from tests.engines.test_fetch import run

pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture
def models(tmp_path: Path, settings: Settings) -> Path:
    settings.AIKER = settings.AIKER.model_copy(update={"models": tmp_path / "models"})
    return tmp_path / "models"


def make(root: Path, model_id: str = "own-vad") -> Model:
    wanted = replace(get_model("silero-vad"), id=model_id, files=(), origin="models convert x")
    with workshop(model_id, root) as folder:
        (folder / "sub").mkdir()
        (folder / "sub/weights.bin").write_bytes(b"weights")
        return register_local(wanted, folder, root)


def test_it_is_a_model_like_any_other(models: Path) -> None:
    made = make(models)

    assert get_model("own-vad") == made
    assert list(load_catalog())[-1] == "own-vad"
    assert (model_dir("own-vad") / "sub/weights.bin").read_bytes() == b"weights"
    assert [file.path for file in made.files] == ["sub/weights.bin"]
    assert is_installed(made, models)
    assert verify(made, models) == []
    assert [path.name for path in models.iterdir()] == ["own-vad"]


def test_the_commands_list_verify_and_remove_it(models: Path) -> None:
    make(models)
    assert "own-vad" in run("list")[0]
    assert run("verify", "own-vad")[0].strip() == "own-vad: all files are right"
    run("remove", "own-vad")
    assert "own-vad" not in load_catalog()
    assert not (models / "own-vad").exists()


def test_a_damaged_one_must_be_made_again(models: Path) -> None:
    made = make(models)
    (models / "own-vad/sub/weights.bin").write_bytes(b"changed")
    assert "own-vad" in verify(made, models)[0]
    with pytest.raises(FetchError, match="Remove it and make it again: models convert x"):
        ensure(made, models)


@pytest.mark.parametrize(
    ("model_id", "named"),
    [("whisper-base", "of the catalogue"), ("Big One", "cannot be an id"), ("../up", "cannot be an id")],
)
def test_an_id_that_cannot_be_used_is_refused(models: Path, model_id: str, named: str) -> None:
    with pytest.raises(CatalogError, match=named), workshop(model_id, models):
        pass
    assert not models.exists()


def test_an_id_is_given_once(models: Path) -> None:
    make(models)
    with pytest.raises(CatalogError, match="models remove own-vad"):
        make(models)


def test_a_record_that_cannot_be_read_is_logged_and_left_out(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(models)
    (models / "own-vad" / RECORD).write_text("{")
    assert "own-vad" not in load_catalog()
    assert str(models / "own-vad" / RECORD) in caplog.text
    with pytest.raises(CommandError, match="own-vad"):
        run("verify", "own-vad")


def test_what_a_failed_making_left_is_gone(models: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError), workshop("own-vad", models) as folder:
        fail(folder)
    assert list(models.iterdir()) == []
