"""BGE checkpoints as ONNX: made once where torch is installed, served without it.

::

    export_bge(Path("bge-large-zh-v1.5"), settings.AIKER.models / "bge-large-zh-onnx", "embedding")
    export_bge(Path("bge-reranker-base"), settings.AIKER.models / "bge-reranker-onnx", "rerank")

``source`` is a folder as it is published (``config.json``, weights, tokenizer). The new folder has
``model.onnx`` and ``tokenizer.json``, for the backends ``bge-onnx`` and ``bge-reranker-onnx``. It appears
when the graph has given the same as torch, or not at all.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

Kind = Literal["embedding", "rerank"]

OPSET = 18
# protobuf's limit is 2 GiB; weights above this lie in a file of their own.
LARGEST_GRAPH = 1_900_000_000
TOLERANCE = 1e-4
EXAMPLES = ["押金要交多少？", "周六", "退租要提前一个月说，押金在交还钥匙以后三个工作日内退回。"]


class ExportError(Exception):
    """The model cannot be exported; the message says why and what to do."""


def export_bge(source: Path, target: Path, kind: Kind) -> None:
    """Write the checkpoint ``source`` to ``target``, a new or empty folder; ExportError."""
    if target.exists() and any(target.iterdir()):
        raise ExportError(_("%(folder)s exists already; choose another name.") % {"folder": target})
    if not (source / "config.json").exists():
        raise ExportError(_("%(folder)s holds no checkpoint: there is no config.json.") % {"folder": source})
    try:
        model, tokenizer = _load(source, kind)
    except ImportError as exc:
        text = _("Exporting needs PyTorch. Run: pip install -r requirements/torch.txt (%(error)s)")
        raise ExportError(text % {"error": exc}) from exc
    except Exception as exc:
        # A damaged file raises whatever its reader does.
        raise ExportError(
            _("%(folder)s cannot be read: %(error)s") % {"folder": source, "error": exc}
        ) from exc
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as folder:
        made = Path(folder) / target.name
        made.mkdir()
        _write_graph(model, tokenizer, made, kind)
        tokenizer.backend_tokenizer.save(str(made / "tokenizer.json"))
        _compare(model, tokenizer, made, kind)
        made.rename(target)


def _load(source: Path, kind: Kind) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    cls = AutoModel if kind == "embedding" else AutoModelForSequenceClassification
    # The other attentions choose their way by the size of the example, which the graph would then keep.
    model = cls.from_pretrained(source, attn_implementation="eager").float().eval()
    if kind == "rerank" and model.config.num_labels != 1:
        text = _("a reranker has one score, this model has %(labels)s classes")
        raise ValueError(text % {"labels": model.config.num_labels})
    return model, AutoTokenizer.from_pretrained(source)


def _write_graph(model: Any, tokenizer: Any, made: Path, kind: Kind) -> None:
    import onnx
    import torch

    given = tokenizer(EXAMPLES, padding=True, return_tensors="pt")
    axes = {name: {0: "batch", 1: "tokens"} for name in given}
    output = "sentence_embedding" if kind == "embedding" else "logits"
    with tempfile.TemporaryDirectory(dir=made.parent) as folder, warnings.catch_warnings():
        # torch puts the weights of a large model beside it, each in a file; onnx joins them.
        raw = Path(folder) / "model.onnx"
        # The tracer warns of every branch it took; ``_compare`` shows whether one was wrong.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _graph(model, list(given), kind),
            tuple(given.values()),
            raw,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(given),
            output_names=[output],
            dynamic_axes=axes | {output: {0: "batch"}},
        )
        graph = onnx.load(raw)
    onnx.save_model(
        graph,
        made / "model.onnx",
        save_as_external_data=graph.ByteSize() > LARGEST_GRAPH,
        location="model.onnx.data",
    )


def _graph(model: Any, names: list[str], kind: Kind) -> Any:
    """Return a module that takes ``names`` in order and gives what is exported."""
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: Any) -> Any:
            answer = self.model(**dict(zip(names, values, strict=True)))
            if kind == "rerank":
                return answer.logits
            return torch.nn.functional.normalize(answer.last_hidden_state[:, 0], dim=-1)

    return Graph().eval()


def _compare(model: Any, tokenizer: Any, made: Path, kind: Kind) -> None:
    """Run the example texts of other number and length than the graph was made with, through both."""
    import torch

    from engines.local.bge_onnx import BGEEmbedder
    from engines.local.reranker_onnx import ONNXReranker

    query, *texts = EXAMPLES
    pairs = [[query] * len(texts), texts] if kind == "rerank" else [texts]
    with torch.no_grad():
        given = tokenizer(*pairs, padding=True, return_tensors="pt")
        wanted = _graph(model, list(given), kind)(*given.values())
    got: NDArray[Any]
    if kind == "embedding":
        got, _tokens = BGEEmbedder(made, threads=1).embed(texts)
    else:
        wanted = torch.sigmoid(wanted[:, 0])
        got = np.array(ONNXReranker(made, threads=1).score(query, texts)[0])
    difference = float(np.abs(got - wanted.numpy()).max())
    # Written so that NaN fails.
    if not difference <= TOLERANCE:
        text = _("The exported graph differs from the model by %(difference)s; it was not kept.")
        raise ExportError(text % {"difference": f"{difference:.2g}"})
