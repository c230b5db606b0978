"""A YAML file that people edit is read whole, or refused with file and line."""

from pathlib import Path

import pytest
import yaml

from cir_chassis.yaml_file import read_yaml


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: 2\na: 3\n", 3), ("x:\n  - {b: 1,\n     b: 2}\n", 3), ("a: [\n", 2), ('a: 1\n"a": 2\n', 2)],
)
def test_a_slip_is_named_with_its_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    file = tmp_path / "edited.yaml"
    file.write_text(text)
    with pytest.raises(yaml.YAMLError, match=f"edited.yaml.*line {line}"):
        read_yaml(file)


def test_what_stands_once_is_read(tmp_path: Path) -> None:
    file = tmp_path / "edited.yaml"
    file.write_text("a: {x: 1}\nb: {x: [2, é]}\n")
    assert read_yaml(file) == {"a": {"x": 1}, "b": {"x": [2, "é"]}}
