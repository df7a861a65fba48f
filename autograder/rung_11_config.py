"""Rung 11's configurations as text: read as YAML, each value taken in the form that the tools take it, or refused.

The text is a learner's, so nothing in it may stop the checker: Python refuses to print an int of more than 4,300
digits, and YAML 1.1 makes such an int, or a float that overflows, of hexadecimal and base-60 numbers.
"""

import math
from collections.abc import Mapping
from typing import Any

import yaml

from shared.translation import LONGEST_CONFIG

Config = Mapping[str, Any]
OFF = ("", "0", "false", "no", "none", "off")


class Unstated(Exception):
    """A setting that the configuration does not state, or not in a form that the tool reads. One line."""


def parsed(text: str) -> Config:
    """Return the YAML as a mapping. Raises Unstated."""
    if len(text) > LONGEST_CONFIG:
        raise Unstated(f"expected YAML of at most {LONGEST_CONFIG:,} characters")
    try:
        tokens = yaml.scan(text, Loader=yaml.SafeLoader)
        if any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in tokens):
            raise Unstated("expected plain YAML, without anchors")
        config = yaml.safe_load(text)
        repeated = _repeated(text) if isinstance(config, dict) else None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise Unstated(f"not YAML ({' '.join(str(error).split())[:120]})") from None
    if not isinstance(config, dict):
        raise Unstated("expected lines of the form 'name: value'")
    if repeated:
        raise Unstated(f"{repeated[:40]} is stated twice")
    return config


def _repeated(text: str) -> str | None:
    """Return a key that stands twice at the top level, of which YAML's readers keep the last one in silence."""
    keys = [str(key.value) for key, _ in yaml.compose(text, Loader=yaml.SafeLoader).value]
    return next((key for key in keys if keys.count(key) > 1), None)


def shown(value: Any) -> str:
    """Return the start of a value as Python writes it, whatever YAML has made of the text."""
    try:
        return repr(value)[:40]
    except (ValueError, RecursionError):  # an int of more than 4,300 digits, by itself or within
        return "a value too long to print"


def number(config: Config, key: str) -> float:
    """Return a stated number; YAML reads 3e-4 without a point as text, which both tools convert. Raises Unstated."""
    value = config.get(key)
    if value is None:
        raise Unstated(f"{key} is not stated")
    try:
        found = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise Unstated(f"{key} is {shown(value)}, expected a number")
    return found


def truth(config: Config, key: str) -> bool:
    """Return a stated yes or no. Raises Unstated."""
    value = config.get(key)
    if not isinstance(value, bool):
        said = "not stated" if value is None else f"{shown(value)}, expected true or false"
        raise Unstated(f"{key} is {said}")
    return value


def is_on(value: Any) -> bool:
    """Return whether a tool would take the value of an optional setting as switched on."""
    return value.strip().lower() not in OFF if isinstance(value, str) else bool(value)
