"""The web process's own log-mel features are those of Whisper's."""

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

from aiker.audio.log_mel import log_mel


def test_they_are_the_features_that_faster_whisper_computes() -> None:
    random = np.random.default_rng(0)
    fading = random.standard_normal(16_000 * 8) * np.linspace(0, 1, 16_000 * 8)
    for samples in (fading, np.zeros(16_000 * 8), fading[:16_000]):
        single = samples.astype(np.float32)
        np.testing.assert_allclose(log_mel(single), FeatureExtractor()(single, padding=0), atol=1e-5)


def test_there_is_a_column_each_10_ms() -> None:
    assert log_mel(np.ones(16_000, np.float32)).shape == (80, 100)
