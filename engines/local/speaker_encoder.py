"""Who is speaking, as a vector: CAM++ (3D-Speaker, Mandarin and English) on PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torchaudio.compliance.kaldi as kaldi
from numpy.typing import NDArray
from speakerlab.models.campplus.DTDNN import CAMPPlus

from engines.local.base import STT_SAMPLE_RATE, BadRequestError, Samples

MEL_BINS = 80
DIMENSIONS = 192
SHORTEST_S = 0.5


class SpeakerEncoder:
    """A CAM++ checkpoint.

    ::

        encoder = SpeakerEncoder(models / "campplus")
        likeness = float(encoder.embed(one) @ encoder.embed(other))     # samples: float32 at 16 kHz

    Measured on synthetic Mandarin voices saying different sentences: 0.87 to 0.91 for one voice, 0.2 to
    0.46 for two. After a telephone line one voice still has about 0.6 to 0.7 with itself.
    """

    def __init__(self, model_dir: Path) -> None:
        self._model = CAMPPlus(feat_dim=MEL_BINS, embedding_size=DIMENSIONS)
        weights = torch.load(model_dir / "campplus_cn_en_common.pt", map_location="cpu", weights_only=True)
        self._model.load_state_dict(weights)
        self._model.eval()

    def embed(self, samples: Samples) -> NDArray[np.float32]:
        """Return the unit vector of shape [192] of ``samples`` (float32 mono, 16 kHz, at least 0.5 s)."""
        if len(samples) < SHORTEST_S * STT_SAMPLE_RATE:
            raise BadRequestError(f"A voice is recognised from {SHORTEST_S} s of speech on.")
        features = kaldi.fbank(
            torch.from_numpy(samples)[None], num_mel_bins=MEL_BINS, sample_frequency=STT_SAMPLE_RATE
        )
        with torch.inference_mode():
            vector = self._model((features - features.mean(0, keepdim=True))[None])[0]
        return torch.nn.functional.normalize(vector, dim=0).numpy()
