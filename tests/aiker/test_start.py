"""What ``manage.py start`` finds before it starts anything, and what it starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.contrib.auth import get_user_model
from django.utils import translation

from aiker.config import BASE_DIR, Config
from aiker.management.commands.start import banner, create_admin, services
from aiker.preflight import directory_problems, lock, port_problems
from aiker.translations import compile_translations
from tests.ports import free_port


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def config(**values: object) -> Config:
    """Return settings whose ports are free unless given."""
    ports = {f"{name}port": free_port() for name in ("", "engines_", "llm_", "chroma_")}
    return Config(**(ports | values))  # type: ignore[arg-type]


def run_start(**env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "start"]
    environment = os.environ | {"AIKER_LANGUAGE": "en"} | env
    return subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=60)


def test_free_ports_are_no_problem() -> None:
    assert port_problems(config()) == []


def test_a_taken_port_is_named_with_its_holder_and_its_setting(taken_port: int) -> None:
    (problem,) = port_problems(config(llm_port=taken_port))
    assert problem.startswith(f"Port {taken_port} is taken by ")
    assert f"(pid {os.getpid()})" in problem
    assert "AIKER_LLM_PORT" in problem


def test_two_processes_on_one_port_are_named() -> None:
    port = free_port()
    (problem,) = port_problems(config(port=port, chroma_port=port))
    assert problem == f"AIKER_CHROMA_PORT and AIKER_PORT are both {port}; change one of them."


def test_an_address_of_another_machine_is_named() -> None:
    (problem,) = port_problems(config(host="192.0.2.1"))
    assert problem.startswith("AIKER_HOST: cannot listen on 192.0.2.1")


def test_a_data_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (problem,) = directory_problems("AIKER_DATA_DIR", tmp_path / "file" / "var")
    assert problem.startswith(f"AIKER_DATA_DIR: cannot write to {tmp_path}/file/var")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    assert directory_problems("AIKER_DATA_DIR", tmp_path, need_mb=0) == []
    (problem,) = directory_problems("AIKER_DATA_DIR", tmp_path, need_mb=10**9)
    assert problem.endswith("free at least 1000000000 MB.")


def test_one_data_directory_serves_one_start(tmp_path: Path) -> None:
    first = lock(tmp_path)
    assert first is not None
    assert lock(tmp_path) is None
    first.close()
    again = lock(tmp_path)
    assert again is not None
    again.close()


def test_start_with_a_wrong_setting_names_it() -> None:
    done = run_start(AIKER_PORT="eighty", AIKER_SERVER="gunicorn")
    assert done.returncode != 0
    assert "AIKER_PORT: " in done.stderr
    assert "AIKER_SERVER: " in done.stderr
    assert "Traceback" not in done.stderr


def test_start_with_a_taken_port_says_what_to_do_and_starts_nothing(tmp_path: Path, taken_port: int) -> None:
    done = run_start(AIKER_DATA_DIR=str(tmp_path), AIKER_PORT=str(taken_port))
    assert done.returncode == 1
    assert f"Port {taken_port} is taken by " in done.stderr
    assert "AIKER_PORT" in done.stderr
    assert not (tmp_path / "logs").exists()


def test_the_web_process_is_asked_by_a_name_it_answers_to() -> None:
    found = services(config(host="0.0.0.0", port=8000, allowed_hosts=["*", ".example.com", "aiker.test"]))
    assert found["web"].health_url == "http://127.0.0.1:8000/health/live"
    assert found["web"].health_host == "aiker.test"


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_the_server_that_the_settings_name_is_started(server: str) -> None:
    assert services(config(server=server))["web"].command[1:3] == ["-m", server]


@pytest.mark.django_db
def test_the_first_start_creates_admin_and_the_second_leaves_it() -> None:
    password = create_admin()
    admin = get_user_model().objects.get(username="admin")
    assert password is not None
    assert admin.check_password(password)
    assert admin.is_superuser
    assert create_admin() is None
    admin.refresh_from_db()
    assert admin.check_password(password)


def test_the_banner_shows_the_password_only_when_it_is_new() -> None:
    first, later = banner(config(port=8000), "s3cret"), banner(config(port=8000), None)
    assert "s3cret" in first
    for text in (first, later):
        assert "http://127.0.0.1:8000/admin/" in text
        assert "http://127.0.0.1:8000/call/" in text
        assert "changepassword admin" in text
    assert "password" not in later.partition("Password:")[0].lower()


def test_translations_are_compiled_when_they_changed(tmp_path: Path) -> None:
    source = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    catalogue = polib.POFile()
    catalogue.append(polib.POEntry(msgid="Stop", msgstr="停止"))
    catalogue.save(str(source))
    target = source.with_suffix(".mo")
    assert compile_translations([tmp_path]) == [target]
    assert [entry.msgstr for entry in polib.mofile(str(target))] == ["停止"]
    assert compile_translations([tmp_path]) == []
    os.utime(target, (0, 0))
    assert compile_translations([tmp_path]) == [target]
