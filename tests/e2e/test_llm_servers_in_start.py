"""``manage.py start`` follows what an operator says about servers of language models."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.installation import Installation
from tests.ports import free_port

pytestmark = [pytest.mark.models, pytest.mark.e2e]

ENGINES = """
engines:
- {{slug: qwen, name: Qwen, backend: llama.cpp, parameters: {{model: qwen2.5-coder-0.5b, port: {port}}}}}
- {{slug: glm, name: GLM, backend: vllm, parameters: {{model: {glm}}}}}
profiles:
- {{slug: p, name: p, mode: local, routes: {routes}}}
"""


def test_a_server_runs_while_a_profile_names_it(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "ai_backend.yaml"
    with Installation(tmp_path / "var", AIKER_LLM_MODEL="qwen2.5-coder-0.5b") as aiker:
        glm = tmp_path / "glm"
        glm.mkdir()  # a folder without weights
        file.write_text(ENGINES.format(port=port, glm=glm, routes="[{engine: qwen}, {engine: glm}]"))
        done = aiker.command("ai_backend", "apply", str(file))
        assert "applied, but" in done.stderr, done.stderr  # the profile has neither recognition nor speech
        aiker.until("llm-glm is not started: ")
        aiker.until("llm-qwen is ready.")
        models = httpx.get(f"http://127.0.0.1:{port}/v1/models").json()["data"]
        assert [model["id"] for model in models] == ["qwen2.5-coder-0.5b"]

        file.write_text(ENGINES.format(port=port, glm=glm, routes="[]"))
        aiker.command("ai_backend", "apply", str(file))
        aiker.until("llm-qwen is stopped.")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/v1/models")

    assert aiker.output.count("llm-glm is not started: ") == 1
