"""The texts of the agreement: the samples of the product, or the provider's own, known by their SHA-256.

``templates/agreement`` holds the samples, one folder a language, one file a part. ``PROVISION_TEXTS`` names a folder
with files of the same names that take their place: all parts that bind the parties (terms, processing, secrecy) then
come from there, so that no sample slips in between; cover, words and layout only where the folder has them.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self

from jinja2 import DictLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.errors import N_, ProvisionError
from models.settings import settings

Language = Literal["de", "fr", "en"]
LANGUAGES: tuple[Language, ...] = ("de", "fr", "en")
SAMPLES = Path(__file__).parents[1] / "templates" / "agreement"
BINDING = ("terms", "processing", "secrecy")
"""How the names of the files begin in which the parties bind themselves."""
SUFFIXES = {".html", ".css", ".toml"}
OURS = "words.sample.toml"
"""Where our words are kept beside the provider's own."""


class TextMissing(ProvisionError):
    says = N_("The text %(file)s is missing: put it into the folder of your own texts, %(folder)s.")

    def __init__(self, file: str, folder: str) -> None:
        super().__init__(file, folder)
        self.file = file
        self.folder = folder


class TextBroken(ProvisionError):
    says = N_("The text %(file)s cannot be used (%(fault)s): correct it, then look with: provision agreement check")

    def __init__(self, file: str, fault: str) -> None:
        super().__init__(file, fault)
        self.file = file
        self.fault = fault


@dataclass(frozen=True, eq=False)
class Texts:
    """All files from which an agreement in one language is made. What is in them may set words, never act."""

    language: Language
    files: Mapping[str, str]
    """Content by name, as ``de/terms.html``."""

    @classmethod
    @lru_cache(maxsize=2 * len(LANGUAGES))
    def from_bundle(cls, bundle: bytes) -> Self:
        """What ``bundle`` gave, read back; kept, as to compile texts takes a hundred times as long as to use them."""
        fields = json.loads(bundle)
        return cls(fields["language"], fields["files"])

    @cached_property
    def bundle(self) -> bytes:
        """All of it as one file, the same bytes for the same texts."""
        fields = {"language": self.language, "files": dict(self.files)}
        return json.dumps(fields, sort_keys=True, ensure_ascii=False, indent=0).encode()

    @cached_property
    def sha256(self) -> str:
        """Names the wording: another letter is another sum."""
        return sha256(self.bundle).hexdigest()

    @cached_property
    def words(self) -> dict[str, Any]:
        """Short words around the text; what the provider's own lack is ours."""
        own = self._toml(f"{self.language}/words.toml")
        ours = self._toml(f"{self.language}/{OURS}") if f"{self.language}/{OURS}" in self.files else {}
        return {
            key: {**ours.get(key, {}), **value} if isinstance(value, dict) else value
            for key, value in {**ours, **own}.items()
        }

    def _toml(self, name: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self.files[name])
        except tomllib.TOMLDecodeError as error:
            raise TextBroken(name, str(error)) from error

    def has(self, part: str) -> bool:
        return f"{self.language}/{part}.html" in self.files

    def render(self, name: str, facts: Mapping[str, Any]) -> str:
        """The file with *facts* put in. Raises ``TextMissing`` or ``TextBroken``."""
        try:
            return self._environment.get_template(name).render(facts)
        except TemplateNotFound as error:
            raise TextMissing(str(error.name), str(settings().texts)) from error
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            line = getattr(error, "lineno", None)
            raise TextBroken(name, f"{error}, line {line}" if line else str(error)) from error

    @cached_property
    def _environment(self) -> ImmutableSandboxedEnvironment:
        return ImmutableSandboxedEnvironment(
            loader=DictLoader(self.files),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )


def current_texts(language: Language, folder: Path | None = None) -> Texts:
    """The texts as they lie on the disk now: the provider's in *folder* or the settings' folder, else the samples."""
    folder = folder or settings().texts
    if folder is None:
        return _samples(language)
    if not folder.is_dir():
        raise TextMissing(f"{language}/terms.html", str(folder))
    samples = {
        name: text
        for name, text in _samples(language).files.items()
        if not name.startswith(tuple(f"{language}/{part}" for part in BINDING))
    }
    samples[f"{language}/{OURS}"] = samples[f"{language}/words.toml"]
    return Texts(language, {**samples, **_read(folder, language)})


@lru_cache(maxsize=len(LANGUAGES))
def _samples(language: Language) -> Texts:
    return Texts(language, _read(SAMPLES, language))


def _read(folder: Path, language: Language) -> dict[str, str]:
    paths = [*folder.glob("*"), *(folder / language).glob("*")]
    texts = {}
    for file in sorted(path for path in paths if path.suffix in SUFFIXES and path.is_file()):
        name = file.relative_to(folder).as_posix()
        try:
            texts[name] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise TextBroken(name, "it is not written in UTF-8") from error
    return texts
