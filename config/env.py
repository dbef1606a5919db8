"""Typed readers of environment variables that fail loudly, with the variable's name and what it should hold."""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class BadSetting(SystemExit):
    """A setting cannot be read; the sentence names it."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(f"error: {name}={value!r} is not {expected}. Correct it in the environment or unset it.")


def env_str(name: str, default: str) -> str:
    """The variable's text; an empty one counts as unset."""
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int) -> int:
    """The variable as a whole number."""
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    if not raw.lstrip("-").isdigit():
        raise BadSetting(name, raw, "a whole number")
    return int(raw)


def env_bool(name: str, default: bool) -> bool:
    """The variable as a truth value: 1, true, yes, on or 0, false, no, off."""
    raw = os.environ.get(name, "").strip().lower()
    if not raw:
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise BadSetting(name, raw, "one of 1, 0, true, false, yes, no, on, off")


def env_list(name: str, default: list[str]) -> list[str]:
    """The variable split at commas."""
    raw = os.environ.get(name, "").strip()
    return [part.strip() for part in raw.split(",") if part.strip()] if raw else default


def database_from_url(name: str, default: str) -> dict[str, Any]:
    """Django's settings for a postgresql:// URL, a unix socket as `?host=/dir` included."""
    url = env_str(name, default)
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise BadSetting(name, url, "a URL such as postgresql://user:password@host:5432/accord")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "config.postgres",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": query,
    }


def secret_key(data_dir: Path) -> str:
    """SECRET_KEY from the environment, else one made once and kept in the data directory."""
    given = os.environ.get("SECRET_KEY", "").strip()
    if given:
        return given
    path = data_dir / "secret_key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        # O_EXCL: of several processes that start at once, one writes and the others read.
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(50))
    return path.read_text()
