"""BGE checkpoints on torch and, exported, on onnxruntime: the same numbers, behind the same server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import openai
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings as SettingsWrapper

from engines import export_onnx
from engines.adapters.rerank_adapter import RerankAdapter
from engines.backends.embedding import BGEOnnx, FlagEmbedding
from engines.backends.rerank import FlagReranker, RerankerOnnx
from engines.catalog import get_model
from engines.export_onnx import ExportError, export_bge
from engines.local.bge_onnx import BGEEmbedder
from engines.local.reranker_onnx import ONNXReranker
from engines.registry import LocalBackend, Place
from engines.routing import Breakers, Endpoint, Routes, Served
from engines.server.embeddings import Job, embed_together
from engines.server.stages import stages_for
from engines.trial import try_engine
from tests.engines import tiny_bge
from tests.engines.serving import serving

if find_spec("FlagEmbedding") is None:
    pytest.skip("needs PyTorch: make test-torch", allow_module_level=True)

pytestmark = pytest.mark.torch

TEXTS = ["押金要交多少？", "周六", "退租要提前一个月说，押金在交还钥匙以后三个工作日内回。" * 2, "Z未知"]
LONG = "押金要交多少，" * 120
# What the graph and torch may differ by.
SAME = 1e-4
MODELS = ("tiny-bge", "tiny-bert", "tiny-xlm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each tiny checkpoint, and beside it what was exported of it, as models are installed."""
    root = tmp_path_factory.mktemp("models")
    tiny_bge.embedder(root / "tiny-bge")
    tiny_bge.bert_reranker(root / "tiny-bert")
    tiny_bge.xlm_roberta_reranker(root / "tiny-xlm")
    for name in MODELS:
        kind = "embedding" if name == "tiny-bge" else "rerank"
        export_bge(root / name, root / f"{name}-onnx", kind)  # type: ignore[arg-type]
    return root


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """The engine server with both ways of each checkpoint."""
    engines: dict[str, LocalBackend] = {
        "bge-torch": FlagEmbedding(model="tiny-bge"),
        "bge-onnx": BGEOnnx(model="tiny-bge-onnx"),
    }
    for name in MODELS[1:]:
        engines |= {f"{name}-torch": FlagReranker(model=name)}
        engines |= {f"{name}-onnx": RerankerOnnx(model=f"{name}-onnx")}
    kept = django_settings.AIKER
    django_settings.AIKER = kept.model_copy(update={"models": folder})
    try:
        with serving(stages_for(engines, Place(threads=1, cache_dir=folder))) as port:
            url = f"http://127.0.0.1:{port}/v1"
            yield url
    finally:
        django_settings.AIKER = kept


async def test_both_ways_give_the_same_unit_vectors(server: str) -> None:
    async with openai.AsyncOpenAI(base_url=server, api_key="none", max_retries=0) as client:
        torch, graph = [
            await client.embeddings.create(model=model, input=[*TEXTS, LONG])
            for model in ("bge-torch", "bge-onnx")
        ]
    vectors, others = (np.array([item.embedding for item in answer.data]) for answer in (torch, graph))

    assert vectors.shape == (5, 32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert np.abs(vectors - others).max() < SAME
    assert np.abs(vectors[0] - vectors[1]).max() > 100 * SAME, "the texts can be told apart"
    assert torch.usage == graph.usage
    assert torch.usage.total_tokens == sum(len(text) + 2 for text in TEXTS) + 512


@pytest.mark.parametrize("name", MODELS[1:])
@pytest.mark.parametrize("query", [TEXTS[0], LONG], ids=["short", "over 384 tokens"])
async def test_both_ways_give_the_same_scores(server: str, name: str, query: str) -> None:
    # FlagEmbedding loses the space before a letter that a SentencePiece vocabulary lacks.
    passages = [*TEXTS[:3], LONG]
    notes: list[Served] = []
    torch, graph = [
        await RerankAdapter(
            Routes("rerank", [Endpoint(name, server, f"{name}-{way}", timeout_s=60)], Breakers())
        ).score(query, passages, notes.append)
        for way in ("torch", "onnx")
    ]

    assert np.abs(np.array(torch) - graph).max() < SAME
    assert all(0 < score < 1 for score in graph)
    assert max(graph) - min(graph) > 100 * SAME, "the passages can be told apart"
    assert notes == [Served("rerank", name)] * 2


def test_the_answer_has_the_usual_shape(server: str) -> None:
    documents = [TEXTS[2], {"text": TEXTS[1]}, TEXTS[0]]
    body = {"model": "tiny-bert-onnx", "query": "周六开门吗", "documents": documents}
    everything = httpx.post(f"{server}/rerank", json=body).raise_for_status().json()
    best = httpx.post(f"{server}/rerank", json=body | {"top_n": 1, "return_documents": True}).json()
    texts = {0: TEXTS[2], 1: TEXTS[1], 2: TEXTS[0]}
    scores = [result["relevance_score"] for result in everything["results"]]

    assert scores == sorted(scores, reverse=True)
    assert sorted(result["index"] for result in everything["results"]) == [0, 1, 2]
    lengths = [len("周六开门吗") + len(text) + 3 for text in texts.values()]
    assert everything["usage"]["total_tokens"] == sum(lengths)
    assert everything["model"] == "tiny-bert-onnx"
    first = everything["results"][0]
    assert best["results"] == [first | {"document": {"text": texts[first["index"]]}}]


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"documents": []}, 400, "documents"),
        ({"documents": [""]}, 400, "documents"),
        ({"query": ""}, 400, "query"),
        ({"top_n": 0}, 400, "top_n"),
        ({"documents": ["周六"] * 257}, 400, "documents"),
        ({"model": "bge-onnx"}, 404, "model"),
    ],
)
def test_a_wrong_request_names_its_field(
    server: str, change: dict[str, object], status: int, field: str
) -> None:
    body = {"model": "tiny-bert-onnx", "query": "周六", "documents": ["周六"]} | change
    answer = httpx.post(f"{server}/rerank", json=body)

    assert (answer.status_code, answer.json()["error"]["param"]) == (status, field)


async def test_a_reranker_can_be_tried(server: str) -> None:
    trial = await try_engine("rerank", Endpoint("x", server, "tiny-bert-onnx", timeout_s=60))

    assert trial.text.startswith("周六照常营业。 0.")


def test_requests_that_run_together_get_the_vectors_they_would_get_alone(folder: Path) -> None:
    embedder = BGEEmbedder(folder / "tiny-bge-onnx", threads=1)
    requests = [[TEXTS[0]], TEXTS[1:], [LONG], TEXTS * 12]
    together = embed_together([Job(embedder, texts) for texts in requests])

    for texts, (vectors, tokens) in zip(requests, together, strict=True):
        alone, counts = embedder.embed(texts)
        assert np.abs(vectors - alone).max() < 1e-5
        assert tokens == sum(counts)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_an_export_of_the_states_of_all_tokens_is_read_too(folder: Path, tmp_path: Path) -> None:
    """As optimum and the hubs have it: the first token's state is the vector, not yet of unit length."""
    torch, auto = tiny_bge.torch, tiny_bge.transformers
    given = auto.AutoTokenizer.from_pretrained(folder / "tiny-bge")(TEXTS[0], return_tensors="pt")

    class States(tiny_bge.torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = auto.AutoModel.from_pretrained(folder / "tiny-bge", attn_implementation="eager")

        def forward(self, *values: Any) -> Any:
            return tuple(self.model(**dict(zip(given, values, strict=True))).values())

    outputs = ["last_hidden_state", "pooler_output"]
    torch.onnx.export(
        States().eval(),
        tuple(given.values()),
        tmp_path / "model.onnx",
        dynamo=False,
        opset_version=18,
        input_names=list(given),
        output_names=outputs,
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*given, outputs[0]]},
    )
    shutil.copy(folder / "tiny-bge-onnx" / "tokenizer.json", tmp_path)
    vectors, _tokens = BGEEmbedder(tmp_path, threads=1).embed(TEXTS)
    wanted, _tokens = BGEEmbedder(folder / "tiny-bge-onnx", threads=1).embed(TEXTS)

    assert np.abs(vectors - wanted).max() < SAME


def test_a_graph_of_another_kind_names_what_is_needed(folder: Path) -> None:
    with pytest.raises(ValueError, match="gives logits; sentence_embedding or last_hidden_state is needed"):
        BGEEmbedder(folder / "tiny-bert-onnx", threads=1)
    with pytest.raises(ValueError, match="gives sentence_embedding; a reranker gives logits"):
        ONNXReranker(folder / "tiny-bge-onnx", threads=1)


def test_flagembedding_wants_a_checkpoint(folder: Path) -> None:
    from engines.local.flag import FlagEmbedder

    with pytest.raises(ValueError, match="checkpoint"):
        FlagEmbedder(folder / "tiny-bge-onnx", threads=1)


class TestExport:
    def test_an_existing_folder_is_kept(self, folder: Path) -> None:
        with pytest.raises(ExportError, match="tiny-xlm-onnx"):
            export_bge(folder / "tiny-xlm", folder / "tiny-xlm-onnx", "rerank")

    def test_the_command_makes_a_model(self, folder: Path, settings: SettingsWrapper) -> None:
        settings.AIKER = settings.AIKER.model_copy(update={"models": folder})
        call_command("models", "convert", str(folder / "tiny-bert"), "--to", "made")
        assert (get_model("made").kind, get_model("made").format) == ("rerank", "onnx")
        scores, _tokens = ONNXReranker(folder / "made", threads=1).score(TEXTS[0], TEXTS)
        assert len(scores) == len(TEXTS)

        with pytest.raises(CommandError, match="made"):
            call_command("models", "convert", str(folder / "tiny-bert"), "--to", "made")

    @pytest.mark.parametrize("spoiled", ["", "config.json", "model.safetensors"])
    def test_what_cannot_be_read_leaves_nothing(self, folder: Path, tmp_path: Path, spoiled: str) -> None:
        source = shutil.copytree(folder / "tiny-bge", tmp_path / "source") if spoiled else tmp_path
        if spoiled:
            (source / spoiled).write_text("{")
        with pytest.raises(ExportError, match=str(source)):
            export_bge(source, tmp_path / "new", "embedding")
        assert not list(tmp_path.glob("new*"))
        assert not list(tmp_path.glob(".export*"))

    def test_a_classifier_is_no_reranker(self, tmp_path: Path) -> None:
        source = tiny_bge.bert_reranker(tmp_path / "classes", labels=3)
        with pytest.raises(ExportError, match="3"):
            export_bge(source, tmp_path / "new", "rerank")

    def test_a_graph_that_differs_is_not_kept(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_onnx, "TOLERANCE", 0.0)
        with pytest.raises(ExportError, match="e-0"):
            export_bge(folder / "tiny-bge", tmp_path / "new", "embedding")
        assert not list(tmp_path.iterdir())

    def test_the_weights_of_a_large_model_lie_beside_the_graph(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_onnx, "LARGEST_GRAPH", 1000)
        export_bge(folder / "tiny-bge", tmp_path / "large", "embedding")

        assert sorted(path.name for path in (tmp_path / "large").iterdir()) == [
            "model.onnx",
            "model.onnx.data",
            "tokenizer.json",
        ]
        onnx.checker.check_model(str(tmp_path / "large" / "model.onnx"))
        vectors, _tokens = BGEEmbedder(tmp_path / "large", threads=1).embed(TEXTS)
        wanted, _tokens = BGEEmbedder(folder / "tiny-bge-onnx", threads=1).embed(TEXTS)
        assert np.abs(vectors - wanted).max() < 1e-6
