"""A Piper voice small enough to be made in a test: real files, and sound that tells what it was made of."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE = 22_050
HOP = 1024  # samples a symbol at length_scale 1
SYMBOLS = 256


def write_voice(folder: Path, speakers: int = 1, **config: object) -> Path:
    """Write ``tiny.onnx`` and its JSON with the inputs of a Piper VITS export; each symbol is a tone.

    Symbol ``n`` sounds at 100 + 10 n Hz (the marks at a voice's edges, 0 to 2, are silent), for ``HOP`` times
    ``length_scale`` samples; each further speaker is an octave higher.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "audio": {"sample_rate": RATE, "quality": "tiny"},
        "espeak": {"voice": "cmn"},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "num_symbols": SYMBOLS,
        "num_speakers": speakers,
        "speaker_id_map": {f"speaker{n}": n for n in range(speakers)} if speakers > 1 else {},
    }
    (folder / "tiny.onnx.json").write_text(json.dumps(about | config), encoding="utf-8")
    onnx.save(_graph(speakers), folder / "tiny.onnx")
    return folder


def _graph(speakers: int) -> onnx.ModelProto:
    node = helper.make_node
    steps = [
        node("Slice", ["scales", "one", "two"], ["length_scale"]),
        node("Cast", ["input_lengths"], ["symbols"], to=TensorProto.FLOAT),
        node("Mul", ["length_scale", "hop"], ["samples_a_symbol"]),
        node("Mul", ["symbols", "samples_a_symbol"], ["length"]),
        node("ReduceSum", ["length"], ["end"], keepdims=0),
        node("Range", ["zero", "end", "step"], ["clock"]),
        node("Div", ["clock", "samples_a_symbol"], ["position"]),
        node("Cast", ["position"], ["place"], to=TensorProto.INT64),
        node("ReduceSum", ["input", "first_axis"], ["line"], keepdims=0),
        node("Gather", ["line", "place"], ["sounding"]),
        node("Gather", ["tones", "sounding"], ["radians"]),
        *(
            [
                node("Cast", ["sid"], ["speaker"], to=TensorProto.FLOAT),
                node("Pow", ["octave", "speaker"], ["pitch"]),
                node("Mul", ["radians", "pitch"], ["rate"]),
            ]
            if speakers > 1
            else [node("Identity", ["radians"], ["rate"])]
        ),
        node("Mul", ["clock", "rate"], ["phase"]),
        node("Sin", ["phase"], ["wave"]),
        node("Mul", ["wave", "level"], ["quiet"]),
        node("Unsqueeze", ["quiet", "first_axes"], ["output"]),
    ]
    tones = [0.0] * 3 + [2 * 3.14159265 * (100 + 10 * n) / RATE for n in range(3, SYMBOLS)]
    constants = [
        helper.make_tensor("hop", TensorProto.FLOAT, [1], [float(HOP)]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("step", TensorProto.FLOAT, [], [1.0]),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("two", TensorProto.INT64, [1], [2]),
        helper.make_tensor("octave", TensorProto.FLOAT, [1], [2.0]),
        helper.make_tensor("level", TensorProto.FLOAT, [1], [0.3]),
        helper.make_tensor("first_axis", TensorProto.INT64, [1], [0]),
        helper.make_tensor("first_axes", TensorProto.INT64, [2], [0, 1]),
        helper.make_tensor("tones", TensorProto.FLOAT, [SYMBOLS], tones),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch", "symbols"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch"]))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "time"])
    graph = helper.make_graph(steps, "tiny", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
