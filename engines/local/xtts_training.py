"""Fine-tuning XTTS with Coqui's own trainer: the GPT learns a voice, the vocoder stays as it is.

::

    base = XTTSBase(models / "xtts-v2")
    base.unfit("您好！", "zh-cn")                       # "" or why the text cannot be learned
    run = Run(data, runs, language="zh-cn", epochs=10, batch_size=2, learning_rate=5e-6)
    best = train(base, run, threads=4, say=print)      # Stopped after Ctrl-C; the next call goes on
    export(base, best, folder)                         # a directory that XTTSEngine loads

Uses the GPU when there is one.
"""

from __future__ import annotations

import logging
import shutil
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast

import numpy as np
import torch
from django.utils.translation import gettext as _
from torch.utils.data import DataLoader
from trainer import Trainer, TrainerArgs
from trainer._types import LossDict
from trainer.logger import handler as console
from trainer.logging import ConsoleLogger, DummyLogger
from TTS.config.shared_configs import BaseDatasetConfig
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.datasets import load_tts_samples
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
from TTS.tts.layers.xtts.trainer import dataset as xtts_dataset
from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig

from aiker.audio.wav import read_audio
from engines.local.xtts import fingerprint
from engines.voices.training_set import EVAL_LIST, SAMPLE_RATE, TRAIN_LIST

Say = Callable[[str], None]

MODEL, CONFIG, VOCABULARY = "model.pth", "config.json", "vocab.json"
DVAE, MEL_STATS = "dvae.pth", "mel_stats.pth"
# A power cut costs at most so many steps.
SAVE_EVERY_STEPS = 200
MOST_LINES = 100


class TrainingError(Exception):
    """Training cannot go on; the message says why."""


class Stopped(Exception):
    """Ctrl-C: the step under way was finished and the state saved."""


@dataclass(frozen=True, slots=True)
class Run:
    """What to train on (``data`` holds the lists and wavs), where checkpoints go, and how."""

    data: Path
    folder: Path
    language: str
    epochs: int
    batch_size: int
    learning_rate: float


class XTTSBase:
    """The model directory that training starts from; it needs ``missing`` to be empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = XttsConfig()
        self.config.load_json(str(folder / CONFIG))
        self._tokenizer = VoiceBpeTokenizer(str(folder / VOCABULARY))
        self._limits = GPTArgs()

    @property
    def missing(self) -> list[str]:
        """Files that inference does without and training needs."""
        return [name for name in (DVAE, MEL_STATS) if not (self.folder / name).exists()]

    @property
    def fingerprint(self) -> str:
        """What tells this model from others."""
        return fingerprint(self.folder)

    @property
    def longest_s(self) -> float:
        """The longest utterance in seconds that the model has positions for."""
        args = self.config.model_args
        return float((args.gpt_max_audio_tokens - 2) * args.gpt_code_stride_len / SAMPLE_RATE)

    def unfit(self, text: str, language: str) -> str:
        """Say why the trainer would leave ``text`` out (it does so in silence), or return ""."""
        tokens = self._tokenizer.encode(text, language)
        most = min(self._limits.max_text_length, self.config.model_args.gpt_max_text_tokens)
        if len(tokens) > most:
            return _("%(count)d tokens of text, the model learns from at most %(most)d") % {
                "count": len(tokens),
                "most": most,
            }
        # 0 is the stop token, 1 stands for what the vocabulary lacks.
        if {0, 1} & set(tokens):
            return _("characters that the model does not know")
        return ""


def last_run(folder: Path) -> Path | None:
    """Return the run in ``folder`` that can go on; removes checkpoints that were only half written."""
    for checkpoint in folder.glob("*/*.pth"):
        if not zipfile.is_zipfile(checkpoint):
            checkpoint.unlink()
    return next((path.parent for path in folder.glob("*/*.pth")), None)


def train(base: XTTSBase, run: Run, threads: int, say: Say) -> Path:
    """Train until ``run.epochs`` are done in all, from the last checkpoint in ``run.folder`` if there is one.

    Returns the checkpoint that did best on the utterances held out. Raises Stopped or TrainingError.
    """
    # torchaudio.load needs torchcodec and FFmpeg's libraries; the wavs are plain ones.
    xtts_dataset.load_audio = _load_audio
    # Its dataset module sets one thread for all of torch; its logger tells in many lines what `say` tells.
    torch.set_num_threads(threads)
    log = logging.getLogger("trainer")
    log.removeHandler(console)
    before = list(log.handlers)
    try:
        with _CtrlC() as ctrl_c:
            trainer = _trainer(base, run, say, ctrl_c)
            _fit(trainer)
    finally:
        for handler in [handler for handler in log.handlers if handler not in before]:
            log.removeHandler(handler)
            handler.close()
    best = trainer.output_path / "best_model.pth"
    if not best.exists():
        raise TrainingError(_("The loss is not a number. Try a lower --learning-rate, with --fresh."))
    return best


def export(base: XTTSBase, checkpoint: Path, folder: Path) -> None:
    """Write the model of ``checkpoint`` to ``folder``: what inference needs, without preset speakers.

    These were conditioned by the encoder that has been trained since; voices are prepared on the new model.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["model"]
    own = {name.removeprefix("xtts."): t for name, t in state.items() if name.startswith("xtts.")}
    torch.save({"model": own}, folder / MODEL)
    for name in (CONFIG, VOCABULARY):
        shutil.copyfile(base.folder / name, folder / name)


def _trainer(base: XTTSBase, run: Run, say: Say, ctrl_c: _CtrlC) -> Trainer:
    config = _config(base, run)
    train_samples, eval_samples = load_tts_samples(config, eval_split=True)
    model = GPTTrainer(config)
    _check_dvae(base.folder / DVAE, model)
    steps = -(-len(train_samples) // run.batch_size)
    progress = _Progress(say, steps, run.epochs)
    going_on = last_run(run.folder)
    if not going_on:
        shutil.rmtree(run.folder, ignore_errors=True)
    bookkeeping = _Bookkeeping(steps, ctrl_c, progress)
    trainer = Trainer(
        TrainerArgs(continue_path=str(going_on or "")),
        config,
        str(run.folder),
        c_logger=progress,
        dashboard_logger=DummyLogger(),
        model=model,
        train_samples=train_samples,
        eval_samples=eval_samples,
        parse_command_line_args=False,
        callbacks=bookkeeping.callbacks,
        # Of several GPUs it takes the first, or refuses to begin.
        gpu=0 if torch.cuda.is_available() else None,
    )
    # A run that goes on takes its settings from its own config.json; of them only this may change.
    trainer.config.epochs = run.epochs
    return trainer


def _config(base: XTTSBase, run: Run) -> GPTTrainerConfig:
    known = {
        name: value for name, value in base.config.model_args.to_dict().items() if hasattr(GPTArgs, name)
    }
    args = GPTArgs(
        **known
        | {
            "tokenizer_file": str(base.folder / VOCABULARY),
            "xtts_checkpoint": str(base.folder / MODEL),
            "dvae_checkpoint": str(base.folder / DVAE),
            "mel_norm_file": str(base.folder / MEL_STATS),
        }
    )
    data = BaseDatasetConfig(
        formatter="coqui",
        dataset_name="voice",
        path=str(run.data),
        meta_file_train=TRAIN_LIST,
        meta_file_val=EVAL_LIST,
        language=run.language,
    )
    return GPTTrainerConfig(
        run_name="run",
        model_args=args,
        audio=base.config.audio,
        languages=base.config.languages,
        datasets=[data],
        epochs=run.epochs,
        batch_size=run.batch_size,
        eval_batch_size=run.batch_size,
        num_loader_workers=0,
        num_eval_loader_workers=0,
        print_step=1,
        save_step=SAVE_EVERY_STEPS,
        save_n_checkpoints=1,
        lr=run.learning_rate,
        optimizer="AdamW",
        optimizer_wd_only_on_weights=True,
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
        lr_scheduler=None,
    )


def _check_dvae(path: Path, model: GPTTrainer) -> None:
    """The trainer loads whatever names fit and leaves the rest random; training would learn noise."""
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if lacking := set(model.dvae.state_dict()) - set(found):
        raise TrainingError(
            _("%(file)s is not the DVAE of XTTS: it lacks %(names)s.")
            % {"file": path, "names": ", ".join(sorted(lacking)[:3])}
        )


def _fit(trainer: Trainer) -> None:
    try:
        trainer.fit()
    except SystemExit as exc:
        # fit() prints the traceback of any error and exits.
        error = exc.__context__
        raise TrainingError(
            _("Training failed (%(error)s). Out of memory? Try a smaller --batch-size, with --fresh.")
            % {"error": f"{type(error).__name__}: {error}"}
        ) from error


def _load_audio(path: str, rate_hz: int) -> torch.Tensor:
    pcm = read_audio(Path(path), rate_hz)
    return torch.from_numpy(pcm.astype(np.float32) / np.float32(32768))[None]


class _CtrlC:
    """While it is entered, Ctrl-C is only noted; a second one interrupts at once.

    An interrupt inside the trainer's dataset would be swallowed there, one inside a step leave it half done.
    """

    pressed = False

    def __enter__(self) -> _CtrlC:
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_exc: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _press(self, _signal: int, _frame: FrameType | None) -> None:
        self.pressed = True
        signal.signal(signal.SIGINT, self._before)


class _Bookkeeping:
    """Keeps the trainer's count of steps exact over interruptions, and its idea of the best."""

    def __init__(self, steps: int, ctrl_c: _CtrlC, progress: _Progress) -> None:
        self._steps = steps
        self._ctrl_c = ctrl_c
        self._progress = progress
        self._began = False
        self.callbacks: dict[str, Callable[[Trainer], None]] = {
            "on_init_end": self._on_init_end,
            "on_epoch_start": self._on_epoch_start,
            "on_train_step_end": self._on_step_end,
            "on_epoch_end": self._on_epoch_end,
            "on_keyboard_interrupt": self._on_interrupt,
        }

    def _on_init_end(self, trainer: Trainer) -> None:
        # Of a step's checkpoint the trainer rightly goes on with the next step, of an epoch's it skips one.
        if Path(trainer.args.restore_path).name.startswith("best_model"):
            trainer.total_steps_done -= 1
        trainer.epochs_done = trainer.total_steps_done // self._steps
        self._progress.began(trainer.total_steps_done)
        # It would begin an interrupted epoch anew, with the steps counted on: give it the rest only.
        dataset: Any = trainer.model.get_data_loader(trainer.config, samples=trainer.train_samples).dataset
        rest = _RestOfEpoch(trainer, self._steps)
        trainer.train_loader = DataLoader(dataset, batch_sampler=rest, collate_fn=dataset.collate_fn)

    def _on_epoch_start(self, trainer: Trainer) -> None:
        if self._began or not trainer.continue_run:
            return
        self._began = True
        # It takes the loss of the last checkpoint for the best one, and that of an interrupted epoch is none.
        best = trainer.output_path / "best_model.pth"
        loss = {"train_loss": float("inf"), "eval_loss": float("inf")}
        trainer.best_loss = cast(LossDict, _saved_loss(best) if best.exists() else loss)

    def _on_step_end(self, trainer: Trainer) -> None:
        # An epoch whose last step is done is judged first: it would not be later.
        if trainer.total_steps_done % self._steps:
            self._on_epoch_end(trainer)

    def _on_epoch_end(self, trainer: Trainer) -> None:
        if self._ctrl_c.pressed:
            trainer.total_steps_done -= 1  # saved as after any step: with the number of the last one done
            raise KeyboardInterrupt

    def _on_interrupt(self, _trainer: Trainer) -> None:
        # The trainer would end this process without any cleaning up.
        raise Stopped


class _RestOfEpoch:
    """Batches for the steps that are left of an epoch; the dataset draws the samples by itself."""

    def __init__(self, trainer: Trainer, steps: int) -> None:
        self._trainer = trainer
        self._steps = steps

    def __len__(self) -> int:
        return int(self._steps - self._trainer.total_steps_done % self._steps)

    def __iter__(self) -> Iterator[list[int]]:
        for _step in range(len(self)):
            yield list(range(self._trainer.config.batch_size))


class _Progress(ConsoleLogger):
    """What the trainer tells, one line a step (a hundred lines at most) and one an epoch."""

    def __init__(self, say: Say, steps: int, epochs: int) -> None:
        super().__init__()
        self._say = say
        self._steps, self._epochs = steps, epochs
        self._total = steps * epochs
        self._first = 0
        self._since = 0.0

    def began(self, step: int) -> None:
        """``step`` steps are done already."""
        self._first, self._since = step, time.monotonic()
        if step:
            self._say(_("Going on after step %(step)d of %(total)d.") % {"step": step, "total": self._total})

    def print_train_step(
        self, batch_steps: int, step: int, global_step: int, loss_dict: dict[str, float], *_averages: object
    ) -> None:
        done = global_step + 1
        if done % max(1, self._total // MOST_LINES) and step + 1 < batch_steps:
            return
        a_step = (time.monotonic() - self._since) / (done - self._first)
        self._say(
            _(
                "Step %(step)d of %(total)d, epoch %(epoch)d of %(epochs)d: loss %(loss).4f "
                "(text %(text).4f, audio %(audio).4f); %(pace).1f s a step, %(left)s left"
            )
            % {
                "step": done,
                "total": self._total,
                "epoch": global_step // self._steps + 1,
                "epochs": self._epochs,
                "loss": loss_dict["loss"],
                "text": loss_dict["loss_text_ce"],
                "audio": loss_dict["loss_mel_ce"],
                "pace": a_step,
                "left": _clock(a_step * (self._total - done)),
            }
        )

    def print_epoch_end(self, epoch: int, avg_loss_dict: dict[str, float]) -> None:
        self._say(
            _("Epoch %(epoch)d of %(epochs)d is done: loss on what was held out %(loss).4f")
            % {"epoch": epoch + 1, "epochs": self._epochs, "loss": avg_loss_dict["avg_loss"]}
        )

    def print_epoch_start(self, *_args: object) -> None: ...

    def print_train_start(self) -> None: ...

    def print_eval_start(self) -> None: ...


def _saved_loss(checkpoint: Path) -> Any:
    return torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["model_loss"]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
