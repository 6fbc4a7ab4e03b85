"""What cloning makes of recordings, on disk: one file a voice.

::

    store = LatentsStore(data_dir / "voices")
    store.save("anna_su-1f0c9a", latents, model=engine.fingerprint)
    store.load("anna_su-1f0c9a", engine.fingerprint)      # None: not there, or of another model
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

FINGERPRINT_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,120}")


@dataclass(frozen=True, slots=True)
class Latents:
    """The conditioning of XTTS: ``conditioning`` [1, 32, channels], ``speaker`` [1, 512, 1], float32."""

    conditioning: NDArray[np.float32]
    speaker: NDArray[np.float32]


def voices_store() -> LatentsStore:
    """Return the store of this installation."""
    return LatentsStore(settings.AIKER.data_dir / "voices")


class LatentsStore:
    """A folder of ``<voice>.npz``; each file names the model that it is for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, voice: str, latents: Latents, model: str) -> None:
        """Write the file of ``voice``; a reader never sees half of it."""
        path = self._path(voice)
        self.folder.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        with half.open("wb") as file:
            np.savez(file, conditioning=latents.conditioning, speaker=latents.speaker, model=np.array(model))
        half.replace(path)

    def load(self, voice: str, model: str) -> Latents | None:
        """Return the latents of ``voice`` for ``model``, None when there are none."""
        if not _NAME.fullmatch(voice) or not self._path(voice).exists():
            return None
        with np.load(self._path(voice), allow_pickle=False) as file:
            if str(file["model"]) != model:
                return None
            return Latents(file["conditioning"], file["speaker"])

    def names(self, model: str) -> list[str]:
        """Return the voices that ``model`` can speak with."""
        return [path.stem for path in sorted(self.folder.glob("*.npz")) if self.load(path.stem, model)]

    def remove_others(self, prefix: str, keep: set[str]) -> None:
        """Delete the voices whose names begin with ``prefix``, but for those in ``keep``."""
        for path in self.folder.glob(f"{prefix}*.npz"):
            if path.stem not in keep:
                path.unlink()

    def _path(self, voice: str) -> Path:
        if not _NAME.fullmatch(voice):
            raise ValueError(f"{voice!r} is not the name of a voice")
        return self.folder / f"{voice}.npz"


def fingerprint(model_dir: Path) -> str:
    """Return what tells one checkpoint from another without reading 2 GB."""
    digest = hashlib.sha256((model_dir / "config.json").read_bytes())
    with (model_dir / "model.pth").open("rb") as file:
        digest.update(file.read(FINGERPRINT_BYTES))
        size = file.seek(0, 2)
        file.seek(max(0, size - FINGERPRINT_BYTES))
        digest.update(file.read() + str(size).encode())
    return digest.hexdigest()[:16]
