"""Typed settings of this machine, read once from ``AIKER_*`` variables and ``.env``.

::

    from django.conf import settings
    settings.AIKER.port

A value that cannot be used stops the start with the name of its variable.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent


class Config(BaseSettings):
    """Every setting; the field ``port`` is the variable ``AIKER_PORT``."""

    model_config = SettingsConfigDict(
        env_prefix="AIKER_",
        env_ignore_empty=True,
        env_file=BASE_DIR / ".env",
        env_file_encoding="utf-8",
        extra="ignore",
    )

    debug: bool = Field(False, description="Django debug pages; never on a machine that others reach.")
    language: Literal["zh-hans", "en"] = Field(
        "zh-hans", description="Language of the admin for a new visitor."
    )
    time_zone: str = Field("Asia/Shanghai", description="Time zone of the admin and of spoken dates.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level logged."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Lines for people, or an object a line with the ids of call and turn."
    )

    host: str = Field("127.0.0.1", description="Address the web process listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the web process.")
    server: Literal["daphne", "uvicorn"] = Field("daphne", description="ASGI server of the web process.")
    public_url: str = Field("", description="https:// address callers reach; empty: http://host:port.")
    allowed_hosts: list[str] = Field(
        ["localhost", "127.0.0.1", "[::1]"], description="JSON list of host names the web process answers to."
    )

    data_dir: Path = Field(BASE_DIR / "var", description="Database, recordings, index and logs.")
    database_url: SecretStr | None = Field(
        None, description="postgresql://user:password@host:5432/name; empty: SQLite in the data directory."
    )
    models: Path = Field(
        Path("~/.cache/aiker"), description="Model weights, shared by all checkouts of a user."
    )

    engines_port: int = Field(8101, ge=1, le=65535, description="Port of the engine server (loopback).")
    llm_port: int = Field(8102, ge=1, le=65535, description="Port of the LLM server (loopback).")
    chroma_port: int = Field(8103, ge=1, le=65535, description="Port of the Chroma server (loopback).")

    stt_model: str = Field("whisper-base", description="Catalogue id of the speech recognition model.")
    tts_model: str = Field("kokoro-int8", description="Catalogue id of the speech synthesis model.")
    embedding_model: str = Field("bge-small-zh", description="Catalogue id of the embedding model.")
    llm_model: str = Field(
        "auto", description="Catalogue id of the LLM; auto: by hubs, cores, memory and GPU (docs/models.md)."
    )
    quantize_python: Path = Field(
        BASE_DIR / ".venv-quantize/bin/python",
        description="Python with llm-compressor; `make quantize-venv` installs this one.",
    )
    engine_threads: int = Field(
        0, ge=0, description="Threads an engine may use; 0: all cores, at most 8, of the LLM 16."
    )

    vram_budget_mb: int = Field(
        16384, ge=1, description="GPU memory (MB) that the engines of a published profile may take."
    )

    vllm: Path = Field(
        BASE_DIR / ".venv-vllm/bin/vllm", description="The vllm program; `make vllm` installs this one."
    )
    tgi: Path = Field(
        Path("text-generation-launcher"), description="The program of TGI: a path, or a name on PATH."
    )
    paddle_python: Path = Field(
        BASE_DIR / ".venv-paddle/bin/python",
        description="Python that has PaddleSpeech; `make paddle` makes it.",
    )

    local_hosts: list[str] = Field(
        ["localhost", "127.0.0.1", "::1"],
        description="JSON list of hosts that belong to this house; a local profile may use no other.",
    )

    tool_hosts: list[str] = Field(
        [], description="JSON list of hosts, or host:port, that tools of calls may reach; none by default."
    )

    call_token: SecretStr | None = Field(None, description="Fixed token that admits calls, for a PBX.")
    speculation_load: float = Field(
        3.0,
        gt=0,
        description="Load average per core above which no answer is begun before the caller's turn is over.",
    )
    max_calls: int = Field(8, ge=1, description="Calls at once in one web process; more are refused.")

    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that may read /metrics; empty: only the networks below may."
    )
    metrics_networks: list[str] = Field(
        ["127.0.0.0/8", "::1/128"],
        description="JSON list of networks that may read /metrics without a token.",
    )

    alarm_hosts: list[str] = Field(
        [], description="JSON list of hosts, or host:port, that alarms may be sent to; none by default."
    )
    email_host: str = Field("", description="Mail server that sends alarms; empty: no mail is sent.")
    email_port: int = Field(587, ge=1, le=65535, description="Port of the mail server.")
    email_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to the mail server is encrypted."
    )
    email_user: str = Field("", description="Login at the mail server; empty: none.")
    email_password: SecretStr | None = Field(None, description="Password of that login.")
    email_from: str = Field("aiker@localhost", description="Sender of mails.")

    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+\S*)?$",
        description="Where traces of turns are sent, such as http://collector:4318; empty: nowhere.",
    )
    otlp_texts: bool = Field(
        False, description="Traces hold what was said and the caller's number; only where both may go."
    )

    @property
    def engines_url(self) -> str:
        return f"http://127.0.0.1:{self.engines_port}/v1"

    @property
    def llm_url(self) -> str:
        return f"http://127.0.0.1:{self.llm_port}/v1"

    @property
    def web_url(self) -> str:
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"


def load_config() -> Config:
    """Read the settings, or raise ImproperlyConfigured that names each wrong variable."""
    try:
        config = Config()
    except ValidationError as exc:
        lines = [f"AIKER_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in exc.errors()]
        raise ImproperlyConfigured("Wrong settings (environment or .env):\n  " + "\n  ".join(lines)) from None
    return config.model_copy(
        update={
            "data_dir": config.data_dir.expanduser().resolve(),
            "models": config.models.expanduser().resolve(),
            "vllm": config.vllm.expanduser().absolute(),
            "tgi": config.tgi.expanduser(),
            # Not resolved: what a link of a virtual environment points to is the Python without its packages.
            "paddle_python": config.paddle_python.expanduser().absolute(),
            "quantize_python": config.quantize_python.expanduser().absolute(),
        }
    )


def secret_key(data_dir: Path) -> str:
    """Return this installation's secret, made on the first start and kept in the data directory."""
    path = data_dir / "secret_key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()
