# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Names from anywhere as names of files, and as words of a command that somebody copies."""

from __future__ import annotations

import hashlib
import shlex

from nnabla_compress.names import is_shown

# What some system, or an #include, takes for something else than a letter of a name.
_HARMFUL = frozenset('/\\:*?"<>|')
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)))
)
_DIGITS = 8
# Systems take 255 with all endings.
MOST_BYTES = 200


def file_name(text: str, most_bytes: int = MOST_BYTES) -> str:
    r"""Returns a text as the name of a file or folder, on any system and in any command.

    A text that is no such name gets what is wrong replaced, and a checksum behind it, so that
    different texts stay different.

    Args:
        text: From anywhere.
        most_bytes: Its length in UTF-8.

    Example:
        >>> file_name("lenet-4bit"), file_name("全結合"), file_name("../a\n")
        ('lenet-4bit', '全結合', '_._a_-9d863a51')
    """
    name = "".join("_" if _is_harmful(character) else character for character in text)
    if name[:1] in ("-", "."):
        name = "_" + name[1:]
    name = name.rstrip(" .") if name.rstrip(" .") else "_"
    if name.partition(".")[0].lower() in _DEVICES:
        name = f"_{name}"
    if name == text and len(name.encode()) <= most_bytes:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    kept = name.encode()[: most_bytes - _DIGITS - 1].decode("utf-8", "ignore")
    return f"{kept}-{digest}"


def shell_word(text: object) -> str:
    r"""Returns a text, such as a path, as one word of a shell's command that is no option.

    Args:
        text: The word, from anywhere.

    Example:
        >>> print(shell_word("a b.nnp"), shell_word("-o.nnp"), shell_word("a\nb"))
        'a b.nnp' ./-o.nnp $'a\x0ab'
    """
    word = str(text)
    if word.startswith(("-", "@", "~", "+")):
        word = f"./{word}"
    if all(map(is_shown, word)):
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(_in_bash(character) for character in escaped) + "'"


def _is_harmful(character: str) -> bool:
    return character in _HARMFUL or not is_shown(character)


def _in_bash(character: str) -> str:
    if is_shown(character):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
