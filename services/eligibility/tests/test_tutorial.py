"""What the rule authors' page tells them to do is done here, step by step, and must come out as the page says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/rule-authors/README.md"
BLOCK = re.compile(r"^```(diff|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_step_of_the_page(tmp_path: Path) -> None:
    rules, steps = tmp_path / "my-rules", BLOCK.findall(PAGE.read_text())
    assert len(steps) > 15
    for kind, text in steps:
        if kind == "diff":
            change(rules, *text.splitlines())
        else:
            for command, *expected in (part.splitlines() for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]):
                run(rules, command, expected)


def change(rules: Path, name: str, *lines: str) -> None:
    """Put the lines with + in the place of those with -, which stand there once; without any -, at the end."""
    file = rules / name
    was, now = ("\n".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    text = file.read_text()
    if was:
        assert text.count(was) == 1, f"{name}: {was}"
        file.write_text(text.replace(was, now))
    else:
        file.write_text(text.rstrip("\n") + "\n" + now + "\n")


def run(rules: Path, command: str, expected: list[str]) -> None:
    """Every line that the page shows is in what the command prints; it ends as the page says."""
    if command.startswith("cp -r "):
        shutil.copytree(ROOT / command.split()[2], rules)
        return
    words = [str(rules / word[9:]) if word.startswith("my-rules") else word for word in command.split()]
    assert words[:2] == [".venv/bin/python", "-m"], command
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    printed = done.stdout + done.stderr
    code = int(expected.pop()[6:-1]) if expected and expected[-1].startswith("(exit ") else 0
    assert done.returncode == code, f"{command}\n{printed}"
    for line in expected:
        assert line in printed, f"{command}: no {line!r} in\n{printed}"
