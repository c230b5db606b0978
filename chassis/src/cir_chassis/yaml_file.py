"""YAML files that people edit: a key that stands twice is refused, since the last one would count alone."""

from pathlib import Path
from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value]
        values = [key.value for key in keys]
        if twice := next((key for n, key in enumerate(keys) if key.value in values[:n]), None):
            raise yaml.MarkedYAMLError(problem=f"`{twice.value}` stands here twice", problem_mark=twice.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """What the file holds. Raises OSError, and `yaml.YAMLError` with file, line and column."""
    with path.open("rb") as file:
        return yaml.load(file, _Strict)  # noqa: S506
