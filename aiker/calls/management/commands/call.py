"""Place a test call and measure it from its audio."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiker.audio import g711
from aiker.audio.wav import AudioError, read_audio
from aiker.calls import tokens
from aiker.calls.caller import Caller, CallError, CallReport, Line
from aiker.calls.models import Call, Turn
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.profiles import default_plan
from engines.routing import Breakers, Routes


class Command(BaseCommand):
    help = (
        "Call an assistant over its WebSocket at real-time pace, speak the WAV files or sentences in their "
        "order, and measure voice-to-voice from the audio. Exit status 1 when a turn was not answered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wav", action="append", dest="lines", type=lambda v: ("wav", v), metavar="FILE")
        parser.add_argument("--say", action="append", dest="lines", type=lambda v: ("say", v), metavar="TEXT")
        parser.add_argument("--assistant", default="anna")
        parser.add_argument("--voice", default="zm_yunxi", help="voice of --say")
        parser.add_argument(
            "--barge-in", type=int, metavar="MS", help="cut into each reply after so many ms of it"
        )
        parser.add_argument("--url", help="WebSocket base address (default: this installation)")
        parser.add_argument(
            "--record", type=Path, metavar="FILE", help="write both directions as a stereo WAV"
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        if not options["lines"]:
            raise CommandError("nothing to say: give --wav FILE or --say TEXT, as often as there are turns")
        try:
            report = asyncio.run(self._call(options))
        except (AudioError, CallError, EngineError) as exc:
            raise CommandError(str(exc)) from exc
        if options["record"]:
            options["record"].write_bytes(report.wav())
        summary = self._summary(report)
        self.stdout.write(
            json.dumps(summary, ensure_ascii=False, indent=2) if options["json"] else _table(summary)
        )
        if not report.answered:
            raise CommandError("not every turn was answered", returncode=1)

    async def _call(self, options: dict[str, Any]) -> CallReport:
        lines = [await self._line(kind, value, options) for kind, value in options["lines"]]
        slug = options["assistant"]
        base = options["url"] or settings.AIKER.web_url.replace("http", "ws", 1)
        return await Caller(f"{base}/ws/twilio/{slug}/?token={tokens.issue(slug)}", lines).call()

    async def _line(self, kind: str, value: str, options: dict[str, Any]) -> Line:
        if kind == "wav":
            return Line(read_audio(Path(value), g711.RATE), Path(value).name, options["barge_in"])
        routes = Routes("tts", default_plan().tts, Breakers())
        speech = await TTSAdapter(routes, options["voice"]).synthesize(value)
        return Line(g711.decode(speech), value, options["barge_in"])

    def _summary(self, report: CallReport) -> dict[str, Any]:
        """Put the server's record of the call beside what the audio says."""
        call = Call.objects.filter(carrier_call_id=report.carrier_call_id).first()
        recorded = list(Turn.objects.filter(call=call)) if call else []
        turns = []
        for index, turn in enumerate(report.turns):
            row: dict[str, Any] = {
                "said": turn.text,
                "voice_to_voice_ms": turn.voice_to_voice_ms,
                "longest_pause_ms": turn.longest_pause_ms,
            }
            if turn.stopped_after_ms is not None:
                row["barge_in_stopped_after_ms"] = turn.stopped_after_ms
            if index < len(recorded):
                server = recorded[index]
                row |= {
                    # What the audio shows first: a filler, where one was said.
                    "server_voice_to_voice_ms": server.moments.get("filler", server.voice_to_voice_ms),
                    "understood": server.user_text,
                    "answer": server.assistant_text,
                    "heard": server.heard_text,
                    "barge_ins": server.barge_ins,
                    "routing": server.routing,
                    "verbatim": server.retrieval.get("verbatim", False),
                    "passages": [passage["key"] for passage in server.passages],
                    "contributions": {share["name"]: share["ms"] for share in server.contributions},
                }
            turns.append(row)
        measured = [turn.voice_to_voice_ms for turn in report.turns if turn.voice_to_voice_ms is not None]
        return {
            "call_id": str(call.pk) if call else None,
            "answered": report.answered,
            "median_voice_to_voice_ms": round(median(measured)) if measured else None,
            "turns": turns,
            "ended": report.ended or "hung up by the caller",
        }


def _table(summary: dict[str, Any]) -> str:
    lines = [f"call {summary['call_id']}: {summary['ended']}"]
    for turn in summary["turns"]:
        lines.append(f"  said    {turn['said']}")
        if "answer" in turn:
            lines.append(f"  heard   {turn['understood']}")
            lines.append(f"  answer  {turn['answer']}")
        ms = turn["voice_to_voice_ms"]
        lines.append(f"          {ms if ms is not None else 'no answer'} ms; {turn.get('contributions', '')}")
    lines.append(f"median voice to voice: {summary['median_voice_to_voice_ms']} ms")
    return "\n".join(lines)
