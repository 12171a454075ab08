# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw nginx text, read as nginx's own lexer reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SPACES = " \t\r\n"


@dataclass
class _Lexer:
    """The state of ngx_conf_read_token between two characters."""

    depth: int = 0  # open blocks
    line: int = 1
    quote: str = ""  # the quote that must close the word
    in_word: bool = False
    in_comment: bool = False
    escaped: bool = False
    variable: bool = False  # the last character was a $, so a { belongs to the word
    words: int = 0  # words of the directive that has not ended


def problems(text: str) -> Iterator[str]:
    """Give what would let raw text out of the block that it is put into.

    Quotes, comments and escapes count as they do for nginx: a brace in them is no brace.
    """
    lexer = _Lexer()
    for character in text:
        if character == "\n":
            lexer.line += 1
        _read(lexer, character)
        if lexer.depth < 0:
            yield f"line {lexer.line} closes a block that it did not open; remove the }}"
            return
    if lexer.quote:
        yield f"has a {lexer.quote} that is never closed; close the quote"
    elif lexer.escaped:
        yield "ends with a backslash; remove it"
    elif lexer.in_word or lexer.words:
        yield "has a last directive without an end; end it with ;"
    elif lexer.depth:
        yield "has a block that is never closed; close it with }"


def _read(lexer: _Lexer, character: str) -> None:
    if lexer.in_comment:
        lexer.in_comment = character != "\n"
    elif lexer.escaped:
        lexer.escaped = False
    elif character == "\\":
        lexer.escaped = lexer.in_word = True
    elif lexer.quote:
        if character == lexer.quote:
            lexer.quote = ""
            _end_word(lexer)
    elif lexer.in_word:
        _read_in_word(lexer, character)
    else:
        _read_between_words(lexer, character)


def _read_in_word(lexer: _Lexer, character: str) -> None:
    """Only space, ; and { end a word; a }, a quote or a # within one is part of it."""
    variable, lexer.variable = lexer.variable, character == "$"
    if character == "{" and variable:
        return
    if character in SPACES + ";{":
        _end_word(lexer)
        _read_between_words(lexer, character)


def _read_between_words(lexer: _Lexer, character: str) -> None:
    if character in "\"'":
        lexer.quote = character
    elif character == "#":
        lexer.in_comment = True
    elif character in ";{}":
        lexer.words = 0
        lexer.depth += {"{": 1, "}": -1}.get(character, 0)
    elif character not in SPACES:
        lexer.in_word = True
        lexer.variable = character == "$"


def _end_word(lexer: _Lexer) -> None:
    lexer.in_word = False
    lexer.words += 1
