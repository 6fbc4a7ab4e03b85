"""A language model on Hugging Face transformers, in the engine server's own process."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jinja2 import TemplateError
from transformers import AutoModelForCausalLM, AutoTokenizer

from engines.local.base import BadRequestError, TextDelta
from engines.local.chat_templates import missing_template
from engines.local.packed_weights import keep_packed
from engines.local.written_text import StopStrings, TokenDecoder

DTypeName = Literal["auto", "bfloat16", "float16", "float32"]


class TransformersLLM:
    """A model as ``save_pretrained`` writes it, with its tokenizer.

    ::

        llm = TransformersLLM(models / "glm-4-9b-chat", threads=8, device="cuda", context=4096)
        for delta in llm.stream([{"role": "user", "content": "几点开门？"}], max_tokens=160):
            print(delta.text, end="")

    ``context`` is in tokens, question and answer together; the model's own limit is kept, too.
    ``remote_code`` runs Python that came with the model. Each step of ``stream`` computes one token, so
    streams that take turns share the model, each with a cache of its own.
    """

    def __init__(
        self,
        model_dir: Path,
        threads: int,
        device: str = "cpu",
        dtype: DTypeName = "auto",
        context: int = 4096,
        remote_code: bool = False,
    ) -> None:
        torch.set_num_threads(threads)
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": remote_code}
        self._tokenizer: Any = AutoTokenizer.from_pretrained(model_dir, **options)
        template = missing_template(model_dir)
        if template:
            self._tokenizer.chat_template = template.path.read_text(encoding="utf-8")
        # Straight to the device: the weights never lie in memory twice.
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            model_dir, dtype=dtype, device_map={"": device}, **options
        ).eval()
        keep_packed(self._model)
        self._device = torch.device(device)
        longest = getattr(self._model.config, "max_position_embeddings", None)
        self.context = min(context, longest or context)
        self._ends = self._end_tokens(template.ends if template else ())
        # Only the last token of the prompt is of interest; a model's own code may not know the option.
        known = inspect.signature(self._model.forward).parameters
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in known else {}

    def warm(self) -> None:
        for _delta in self.stream([{"role": "user", "content": "你好"}], max_tokens=2):
            pass

    def stream(
        self,
        messages: Sequence[Mapping[str, str]],
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[TextDelta]:
        """See LocalLLMEngine. A prompt that leaves no room for an answer raises BadRequestError."""
        prompt = self._prompt(messages)
        most = self.context - len(prompt)
        if most < 1:
            raise BadRequestError(
                f"The messages are {len(prompt)} tokens long; this model takes {self.context - 1} at most.",
                "messages",
            )
        most = min(most, max_tokens or most)
        decoder, stops = TokenDecoder(self._text), StopStrings(stop)
        for written, token in enumerate(self._tokens(prompt, temperature), start=1):
            ended = token in self._ends
            text = "" if ended else stops.feed(decoder.feed(token))
            if ended or stops.found or written == most:
                text += stops.feed(decoder.flush())
                reason: Literal["stop", "length"] = "stop" if ended or stops.found else "length"
                yield TextDelta(text + stops.flush(), len(prompt), written, reason)
                return
            yield TextDelta(text, len(prompt), written)

    def _prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        try:
            # Models that can think aloud first (Qwen3) would keep a caller waiting; other templates do
            # not look at it.
            text = self._tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except TemplateError as exc:  # a template may refuse roles or their order
            raise BadRequestError(f"messages: {exc}", "messages") from exc
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    @torch.inference_mode()
    def _tokens(self, prompt: list[int], temperature: float) -> Iterator[int]:
        """Yield tokens without end."""
        given, past = prompt, None
        while True:
            ids = torch.tensor([given], device=self._device)
            output = self._model(input_ids=ids, past_key_values=past, use_cache=True, **self._options)
            past = output.past_key_values
            token = self._pick(output.logits[0, -1].float(), temperature)
            given = [token]
            yield token

    def _pick(self, logits: torch.Tensor, temperature: float) -> int:
        if temperature <= 0:
            return int(logits.argmax())
        return int(torch.multinomial((logits / temperature).softmax(-1), 1))

    def _text(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _end_tokens(self, names: Sequence[str]) -> frozenset[int]:
        """Return the tokens that end an answer: of the generation settings, the tokenizer and ``names``."""
        config = getattr(self._model, "generation_config", None)
        configured = getattr(config, "eos_token_id", None)
        ends = set(configured if isinstance(configured, list) else [configured])
        ends |= {self._tokenizer.eos_token_id}
        ends |= {self._tokenizer.convert_tokens_to_ids(name) for name in names}
        return frozenset(end for end in ends if end is not None and end != self._tokenizer.unk_token_id)
