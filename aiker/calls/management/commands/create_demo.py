"""Make what a first start shows: the assistant "anna", who knows the OneSuite data, and a voice."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from aiker.calls.models import DEFAULT_SYSTEM_PROMPT, Assistant
from aiker.calls.tools.transfer import provide_transfer
from engines.errors import EngineError
from engines.voices.demo import create_anna_su
from knowledge.models import KnowledgeBase

HOT_WORDS = (
    "共享工位、固定工位、流动工位、办公室、会议室、客服热线、门店、浦江店、静安店、国贸店、南山店、西湖店、"
    "营业时间、开门、关门、周六、周日、月卡、日卡、停车、访客、押金、合同、退租、转租、续租、退款、"
    "开发票、专票、注册地址、优惠、OneSuite。"
)

WORDS = {
    "system_prompt": DEFAULT_SYSTEM_PROMPT.replace("一名电话客服", "OneSuite公司的电话客服"),
    "greeting": "您好，这里是OneSuite，请问有什么可以帮您？",
}


class Command(BaseCommand):
    help = "Create the demo assistant 'anna' and the voice 'anna_su'; changes nothing that exists."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        base = KnowledgeBase.objects.filter(slug="onesuite").first()
        defaults = {"name": "安娜", "knowledge_base": base, "hot_words": HOT_WORDS, **WORDS}
        assistant, created = Assistant.objects.get_or_create(slug="anna", defaults=defaults)
        if created:
            provide_transfer(assistant)
        self.stdout.write("assistant anna " + ("created" if created else "is there"))
        try:
            made = create_anna_su()
            self.stdout.write("voice anna_su " + ("created" if made else "is there"))
        except EngineError as exc:
            self.stderr.write(f"the voice anna_su could not be recorded, the assistant speaks: {exc.message}")
