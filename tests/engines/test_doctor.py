import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.utils import translation

from engines.doctor import Machine, examine
from engines.gpu import Driver, Gpu

SMALL = Machine(
    cores=2,
    memory_gb=7.7,
    disk_free_gb=25,
    driver=None,
    cudnn="",
    torch="",
    python=(3, 11),
    libraries={"onnxruntime": "1.31.1"},
    onnx_providers=("CPUExecutionProvider",),
    missing={"kokoro": (), "xtts": ("TTS", "torch")},
)


def level(machine: Machine, what: str) -> str:
    return next(finding.level for finding in examine(machine) if what in finding.what)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("change", "what", "expected"),
    [
        ({}, "processor cores", "enough"),
        ({"cores": 1}, "processor cores", "short"),
        ({"cores": 16}, "processor cores", "good"),
        ({"memory_gb": 31.2}, "memory", "good"),
        ({"memory_gb": 3.8}, "memory", "short"),
        ({"disk_free_gb": 5}, "disk", "short"),
        ({}, "GPU", "info"),
        ({"driver": Driver("550.1", "12.4", (Gpu("RTX 4070 Ti", 16376),))}, "GPU memory", "good"),
        ({"driver": Driver("550.1", "12.4", (Gpu("RTX 3060", 12288),))}, "GPU memory", "enough"),
        ({"driver": Driver("550.1", "12.4", (Gpu("GTX 1060", 6144),))}, "GPU memory", "short"),
        ({"driver": Driver("450.1", "11.0", (Gpu("GTX 1060", 6144),))}, "CUDA", "short"),
        ({"driver": Driver("550.1", "12.4", (Gpu("RTX 3060", 12288),))}, "cuDNN", "short"),
        ({"driver": Driver("550.1", "12.4", (Gpu("RTX 3060", 12288),)), "cudnn": "9.7.1"}, "cuDNN", "good"),
        ({"python": (3, 10)}, "Python", "short"),
    ],
)
def test_a_machine_is_compared_with_what_is_needed(
    change: dict[str, object], what: str, expected: str
) -> None:
    assert level(replace(SMALL, **change), what) == expected  # type: ignore[arg-type]


def test_engines_say_what_they_lack() -> None:
    found = {finding.what: finding.found for finding in examine(SMALL)}

    assert found["engine kokoro"] == "can run here"
    assert "TTS, torch" in found["engine xtts"]


def test_the_command_examines_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("doctor", "--json")
    found = {row["what"]: row for row in json.loads(capsys.readouterr().out)}

    assert int(found["processor cores"]["found"]) >= 1
    assert found["engine kokoro"]["level"] == "good"
    call_command("doctor")
    assert "processor cores" in capsys.readouterr().out
