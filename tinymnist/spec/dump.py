"""Writes a `Spec` back to YAML that the strict loader reads as the same spec."""

import math
from typing import Any

import yaml

from tinymnist.spec.models import Spec
from tinymnist.spec.strict_yaml import YamlProblem, scalar


def dump_spec(spec: Spec) -> str:
    """`spec` as YAML, every default written out."""
    content = spec.model_dump(mode="json", exclude_none=True)
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)


def entry(key: str, text: str) -> str:
    """`key: text` on one line, quoted where it must be."""
    return yaml.dump({key: text}, Dumper=_Dumper, allow_unicode=True, width=math.inf).rstrip("\n")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _plain_is_same(text) else '"')


def _plain_is_same(text: str) -> bool:
    """Whether the strict loader reads `text`, unquoted, as the same text."""
    try:
        return scalar(text, 0, ()) == text
    except YamlProblem:
        return False


_Dumper.add_representer(str, _represent_text)
