"""A digest of what a spec says, however it is written."""

import hashlib
import json

from tinymnist.spec.strict_yaml import YamlProblem, parse


def spec_digest(text: str) -> str | None:
    """The SHA-256 of the values in a spec's YAML: comments, line ends, quotes and the order of keys do not change it.

    It depends on no default, so that it is the same in every version. None: the text is not such YAML.
    """
    try:
        values = json.dumps(parse(text).data, sort_keys=True)
    except (YamlProblem, ValueError, TypeError, RecursionError):
        return None
    return hashlib.sha256(values.encode()).hexdigest()
