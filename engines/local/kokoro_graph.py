"""Kokoro's ONNX graph, opened where it can be cut.

As published, the graph takes a whole text and gives its whole sound, with 0.4 s of silence before and
1.0 s after, and silence costs a CPU as much as speech. Here it becomes two: the *planner* decides how
the whole text is to sound (5 to 10 % of the work), the *generator* makes sound of a stretch of that.

The generator is convolutions and instance normalisations. Only these look at the whole text: each takes
the mean and the variance of its channels over all time. Given those of ordinary speech of the voice
instead (``statistics``), it makes any stretch as it would within the whole, so that speech can be sent
while it is made. It also saves 5 of 7 passes over the largest arrays of the network.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx.utils import Extractor

# Between the halves: features [1, 512, 2 T] and pitch in Hz [1, 2 T] of T frames of 25 ms.
FEATURES = "/decoder/decoder/decode.3/Div_4_output_0"
PITCH = "/encoder/Reshape_output_0"
# Frames of each symbol: [1, symbols].
DURATIONS = "/encoder/Clip_output_0"


@dataclass(frozen=True, slots=True)
class KokoroGraphs:
    """``generator`` takes ``statistics`` as inputs; ``measuring_generator`` takes them of what it makes and
    gives them as outputs. Each has the shape [1, channels, 1].
    """

    planner: ModelProto
    generator: ModelProto
    measuring_generator: ModelProto
    statistics: tuple[str, ...]


def open_graphs(path: Path) -> KokoroGraphs:
    """Read the published model; ValueError where it is another export than this code can cut."""
    parts = Extractor(onnx.load(str(path)))
    try:
        planner = parts.extract_model(["tokens", "style", "speed"], [FEATURES, PITCH, DURATIONS])
        whole = parts.extract_model([FEATURES, PITCH, "style"], ["audio"])
    except (KeyError, ValueError, onnx.checker.ValidationError) as exc:
        raise ValueError(f"{path} is not the Kokoro export that Aiker knows ({exc})") from exc
    generator, statistics = _with_given_statistics(whole)
    if not statistics:
        raise ValueError(f"{path} is not the Kokoro export that Aiker knows: no normalisation was found")
    for name in statistics:
        whole.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return KokoroGraphs(planner, generator, whole, statistics)


def _with_given_statistics(whole: ModelProto) -> tuple[ModelProto, tuple[str, ...]]:
    """Return the generator with (x - mean) / sqrt(var + eps) * gain + bias as x * scale + shift."""
    generator = copy.deepcopy(whole)
    graph = generator.graph
    readers = _readers(graph)
    replaced: dict[str, list[NodeProto]] = {}
    statistics: list[str] = []
    for mean, (centre, square, variance, _epsilon, root, divide) in _normalisations(graph, readers):
        statistics += [mean.output[0], variance.output[0]]
        for node in (mean, centre, square, variance, divide):
            replaced[node.output[0]] = []
        # Several layers may share one normalisation, each with its own gain and bias.
        for multiply in readers[divide.output[0]]:
            (add,) = readers[multiply.output[0]]
            replaced[multiply.output[0]] = []
            replaced[add.output[0]] = _affine(
                x=centre.input[0],
                mean=mean.output[0],
                deviation=root.output[0],
                gain=_other(multiply, divide.output[0]),
                bias=_other(add, multiply.output[0]),
                out=add.output[0],
            )
    nodes = [new for node in graph.node for new in replaced.get(node.output[0], [node])]
    del graph.node[:]
    graph.node.extend(nodes)
    for name in statistics:
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, 1]))
    return generator, tuple(statistics)


def _affine(x: str, mean: str, deviation: str, gain: str, bias: str, out: str) -> list[NodeProto]:
    """Return nodes for out = x * scale + shift: all but the last two work on one value a channel."""
    scale, moved, shift, scaled = (f"{out}/{part}" for part in ("scale", "moved", "shift", "scaled"))
    return [
        helper.make_node("Div", [gain, deviation], [scale]),
        helper.make_node("Mul", [mean, scale], [moved]),
        helper.make_node("Sub", [bias, moved], [shift]),
        helper.make_node("Mul", [x, scale], [scaled]),
        helper.make_node("Add", [scaled, shift], [out]),
    ]


def _normalisations(
    graph: GraphProto, readers: dict[str, list[NodeProto]]
) -> Iterator[tuple[NodeProto, list[NodeProto]]]:
    """Yield each mean and the nodes behind it, up to the quotient."""
    for node in graph.node:
        if node.op_type == "ReduceMean":
            chain = _follow(readers, node, "Sub", "Mul", "ReduceMean", "Add", "Sqrt", "Div")
            if chain:
                yield node, chain


def _follow(readers: dict[str, list[NodeProto]], node: NodeProto, *operations: str) -> list[NodeProto]:
    """Return the nodes that read each other behind ``node``, or nothing where the chain breaks."""
    chain: list[NodeProto] = []
    for operation in operations:
        following = (reader for reader in readers.get(node.output[0], []) if reader.op_type == operation)
        found = next(following, None)
        if found is None:
            return []
        chain.append(found)
        node = found
    return chain


def _readers(graph: GraphProto) -> dict[str, list[NodeProto]]:
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in dict.fromkeys(node.input):
            readers.setdefault(name, []).append(node)
    return readers


def _other(node: NodeProto, name: str) -> str:
    return next(value for value in node.input if value != name)
