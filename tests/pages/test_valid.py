"""Last, by its name: the HTML of every page that the other tests looked at."""

import subprocess
from pathlib import Path


def test_every_page_that_was_looked_at_is_valid(seen: Path, validator: list[str]) -> None:
    done = subprocess.run([*validator, *map(str, seen.iterdir())], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
