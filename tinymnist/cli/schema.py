"""`tinymnist schema`: the JSON Schema of the spec language."""

import json

from tinymnist.console import show


def command() -> None:
    """Print the JSON Schema of architectures, for editors."""
    from tinymnist.spec import Spec

    schema = Spec.model_json_schema()
    show(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2))
