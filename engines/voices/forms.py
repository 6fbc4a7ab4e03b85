"""Uploading a recording: what it is worth is said at once, before anything is cloned."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from engines.local.audio_input import decode_at_own_rate
from engines.local.base import BadRequestError
from engines.voices.models import VoiceSample
from engines.voices.recording_checks import LONGEST_S, check_recording

MOST_MB = 25


class VoiceSampleForm(forms.ModelForm):
    """One recording; a file that holds no audio is refused, a poor one is kept with its verdict."""

    class Meta:
        model = VoiceSample
        fields = ["recording"]

    def clean_recording(self) -> Any:
        recording = self.cleaned_data["recording"]
        if isinstance(recording, UploadedFile):
            if (recording.size or 0) > MOST_MB * 1_000_000:
                raise ValidationError(_("A recording may have %(most)d MB.") % {"most": MOST_MB})
            data = recording.read()
            recording.seek(0)
            try:
                samples, rate = decode_at_own_rate(data, recording.name or "", max_s=LONGEST_S)
            except BadRequestError as exc:
                raise ValidationError(str(exc)) from exc
            self.instance.sha256 = hashlib.sha256(data).hexdigest()
            self.instance.verdict = [figure.as_dict() for figure in check_recording(samples, rate)]
        return recording
