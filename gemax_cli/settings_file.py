"""Settings from a file: a run.json, or a TOML file of the same names."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from gemax_cli.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Kind(Protocol):
    """A class of settings: ``Settings`` or ``ImageSettings``."""

    kind: str

    def from_dict(self, values: Mapping[str, object], /) -> object:
        """Check values; raises SettingsError."""


def read_settings(path: Path, kind: Kind) -> dict[str, Any]:
    """Read the settings that a file gives, checked; nested names are joined, as in ``block_size``.

    Args:
        path: a run.json, or a TOML or JSON file with the names of its ``settings``: ``taus = [20, 30]``, ``[block]``.
        kind: the class of the settings.

    Raises:
        SettingsError: it cannot be read, or a name or value is none of ``kind``; the message names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        loaded = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        values = loaded.get("settings", loaded)
        if loaded.get("kind", kind.kind) != kind.kind:
            raise ValueError(f"they are of {loaded['kind']}, not of {kind.kind}")
        kind.from_dict(values)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}): give a run.json or TOML file.") from error
    except (ValueError, TypeError, RecursionError) as error:
        reason = str(error.__cause__ if isinstance(error, SettingsError) and error.__cause__ else error).rstrip(".")
        raise SettingsError(f"{path}: holds no settings ({reason}): {ADVICE}") from error
    return dict(_flat(values))


ADVICE = "give a run.json, or a TOML file with the names of its settings, such as taus = [20, 30]."


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield joined names with the values as options take them; what is not set is left out."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}_")
        elif isinstance(value, list):
            yield f"{above}{name}", [str(part) for part in value]
        elif value is not None and value != "":
            yield f"{above}{name}", value
