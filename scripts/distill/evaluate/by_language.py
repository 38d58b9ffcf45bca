"""Rows of languages in tables of results. It loads no library, so `summary` starts at once."""

from collections.abc import Mapping
from typing import Any


def language_rows(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row of each language, if there are several: that of a single one says what the row of all texts says.

    results (Mapping[str, Any]): "languages": language → its row.
    RETURNS (Mapping[str, Any]): Language → its row.
    """
    languages: Mapping[str, Any] = results["languages"]
    return languages if len(languages) > 1 else {}
