"""The sentences beside those of the rule files, in both languages: texts.yaml, by language and key."""

from collections.abc import Mapping
from pathlib import Path

import yaml

_READ = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text(encoding="utf-8"))
TEXTS: Mapping[str, Mapping[str, str]] = {
    language: {str(key): text[language] for key, text in _READ.items()} | {"language": language}
    for language in ("nl", "en")
}
