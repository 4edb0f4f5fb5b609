"""The shell blocks of all documents, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.support.house import ROOT

PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "charts/*/*.md", "clients/*/*.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
)

_BLOCK: Final = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`((?:cost-analytics|make) [^`\n]+)`")
_SYNOPSIS: Final = re.compile(r"[\[|…<]|\b[A-Z]{2,}\b")
_SEPARATORS: Final = set("|;&\n")
_COMMENT: Final = re.compile(r"(^|\s)#[^\n]*")
_HERE_DOCUMENT: Final = re.compile(r"<<'?(\w+)'?.*?\n\1\n", re.DOTALL)


class Block(NamedTuple):
    """A shell block of a page."""

    page: str
    text: str

    @property
    def title(self) -> str:
        """The page, and the beginning of the block."""
        return f"{self.page}: {self.text.strip().splitlines()[0].split('#')[0].strip()}"


def blocks() -> list[Block]:
    """Return the shell blocks of all pages."""
    return [
        Block(page, found)
        for page in PAGES
        for found in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    ]


def inline_commands() -> Iterator[Block]:
    """Yield commands within sentences; those with a placeholder are no commands."""
    for page in PAGES:
        for found in _CODE.findall((ROOT / page).read_text(encoding="utf-8")):
            if not _SYNOPSIS.search(found):
                yield Block(page, found)


def commands_of(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of a block, without redirections and variables."""
    plain = _COMMENT.sub("", _HERE_DOCUMENT.sub("\n", text.replace("\\\n", " ")))
    lexer = shlex.shlex(plain, posix=True, punctuation_chars="|;&<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    for word in [*lexer, "\n"]:
        if set(word) <= _SEPARATORS:
            yield from _command(words)
            words = []
        else:
            words.append(word)


def _command(words: list[str]) -> Iterator[list[str]]:
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    ends = [place for place, word in enumerate(words) if word in {">", ">>", "<", "<<"}]
    kept = words[: ends[0]] if ends else words
    if kept:
        yield kept
