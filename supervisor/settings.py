"""What the environment says about where and how Accord runs; .env beside the Makefile counts as environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from supervisor.errors import StartError

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Everything the supervisor needs to know. A URL that is empty means: start an embedded server."""

    data_dir: Path
    web_port: int
    gateway_port: int
    engine_port: int
    database_url: str
    broker_url: str
    engine_url: str
    engine_args: list[str]
    # A database of your own gets the demo's organisation, people and training only when asked for.
    seed_demo: bool
    environment: dict[str, str]

    @property
    def web_address(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def gateway_address(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}/v1"


def read_settings(given: Mapping[str, str] | None = None) -> Settings:
    """The settings from `given` (default: the environment over .env).

    Raises:
        StartError: a port is not a port, or two of them are the same.
    """
    environment = {**read_env_file(ROOT / ".env"), **os.environ} if given is None else dict(given)

    def text(name: str, default: str = "") -> str:
        return environment.get(name, "").strip() or default

    def port(name: str, default: int) -> int:
        raw = text(name, str(default))
        if not raw.isdigit() or not 0 < int(raw) < 65536:
            raise StartError(f"{name}={raw!r} is no port. Set it to a whole number from 1 to 65535, or unset it.")
        return int(raw)

    settings = Settings(
        data_dir=Path(text("ACCORD_DATA_DIR", str(ROOT / "var"))).expanduser().resolve(),
        web_port=port("ACCORD_WEB_PORT", 8000),
        gateway_port=port("ACCORD_GATEWAY_PORT", 8001),
        engine_port=port("ACCORD_ENGINE_PORT", 8002),
        database_url=text("DATABASE_URL"),
        broker_url=text("BROKER_URL"),
        engine_url=text("ENGINE_URL"),
        engine_args=text("ENGINE_ARGS").split(),
        seed_demo=text("ACCORD_DEMO", "0" if text("DATABASE_URL") else "1") not in ("0", "false", "no", "off"),
        environment=environment,
    )
    if len({settings.web_port, settings.gateway_port, settings.engine_port}) < 3:
        raise StartError("ACCORD_WEB_PORT, ACCORD_GATEWAY_PORT and ACCORD_ENGINE_PORT must be three different ports.")
    return settings


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines; blank lines and # comments are skipped, one pair of quotes around a value is dropped."""
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or not name.isidentifier():
            raise StartError(f"Line {number} of {path} is not NAME=value. Correct it or put a # before it.")
        value = value.strip()
        found[name] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    return found
