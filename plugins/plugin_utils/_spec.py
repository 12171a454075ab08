# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data held against a role's argument_specs.yml, where keys, types and choices are said once."""

from __future__ import annotations

import datetime
import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable

# libyaml's where PyYAML was built with it: each task that judges something reads a spec anew.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROLES = Path(__file__).resolve().parents[2] / "roles"

TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "raw": (object,),
}
EXPECTED = {
    "str": "text",
    "path": "text",
    "int": "a whole number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
}
REMEDIES = {
    "str": "write it as text",
    "path": "write it as text",
    "int": "write a number without quotes",
    "bool": "write true or false without quotes",
    "list": "write each item on a line of its own after a dash",
    "dict": "write each key with its value on a line of its own below",
}
# What YAML makes of a bare off, which a text option may have among its choices.
YAML_WORDS: Mapping[object, frozenset[str]] = {
    False: frozenset({"off", "no", "false"}),
    True: frozenset({"on", "yes", "true"}),
}
KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((type(None),), "nothing"),
    ((bool,), "a truth value"),
    ((int, float), "a number"),
    ((str,), "text"),
    ((datetime.date,), "a date"),
    ((list,), "a list"),
    ((dict,), "a mapping"),
)
# What a message may tell of a secret: that a variable is not there, or that a file cannot be had.
TOLD = re.compile(
    r"'[^']+' is undefined|(object of type )?'[^']+' has no attribute '[^']+'"
    r"|Unable to access the file '[^']+': (File not found|Attempting to decrypt but no vault secrets found)"
)
WRONG = object()  # in the place of a value that is not part of what is right


@dataclass(frozen=True)
class Option:
    """One documented option: its type, and for containers what is in them."""

    type: str = "str"
    required: bool = False
    choices: tuple[str, ...] = ()
    elements: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """What a value must fulfil beyond its type.

    remedy: what to write, for a value that is missing or of another type.
    problems: gives each thing wrong with a value of the right type, its remedy after a semicolon.
        A mapping with documented keys has None for those whose own values are wrong.
    secret: no message may hold the value, nor what its template says.
    """

    remedy: str
    problems: Callable[[Any], Iterable[str]] = lambda _value: ()
    secret: bool = False


@dataclass(frozen=True)
class Finding:
    """One mistake: the key's path in its entry, and what is wrong, with the remedy."""

    key: str
    problem: str

    def __str__(self) -> str:
        """Print it as it follows the entry's name."""
        return f"{self.key}: {self.problem}" if self.key else self.problem


@functools.cache
def documented(role: str) -> Mapping[str, Option]:
    """Read the options of a role's main entry point."""
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return _options(yaml.load(text, Loader=LOADER)["argument_specs"]["main"])


def _options(spec: Mapping[str, Any]) -> Mapping[str, Option]:
    return {
        name: Option(
            type=option.get("type", "str"),
            required=option.get("required", False),
            choices=tuple(option.get("choices", ())),
            elements=option.get("elements", ""),
            options=_options(option),
        )
        for name, option in spec.get("options", {}).items()
    }


class Checker:
    """Walks one entry, keeps what it finds wrong, and returns the part that is right.

    That part has known keys only, with values of the documented type, so whatever builds on it
    need not ask again. A value that breaks a rule is still part of it.
    """

    def __init__(self, options: Mapping[str, Option], rules: Mapping[str, Rule], host: str) -> None:
        """Take the entry's options, the rules by dotted path, and the host for messages."""
        self.options = options
        self.rules = rules
        self.host = host
        self.findings: list[Finding] = []

    def entry(self, value: Mapping[object, object]) -> dict[str, Any]:
        """Check a whole entry and return the part that is right."""
        right = self._options(value, self.options, "")
        self._judge(right, "")
        return right

    def report(self, path: str, problem: str) -> None:
        """Keep a finding."""
        self.findings.append(Finding(path, problem))

    def missing(self, path: str) -> None:
        """Report a key that must be there."""
        rule = self.rules.get(path)
        self.report(path, f"is missing; {rule.remedy if rule else 'add it'}")

    def _options(
        self, value: Mapping[object, object], options: Mapping[str, Option], path: str
    ) -> dict[str, Any]:
        right = {}
        for key, item in value.items():
            if isinstance(key, str) and key in options:
                checked = self._value(item, options[key], _join(path, key))
                if checked is not WRONG:
                    right[key] = checked
            else:
                self.report(_join(path, key), f"unknown key; {self._known(str(key), options)}")
        for key, option in options.items():
            if option.required and key not in value:
                self.missing(_join(path, key))
        return right

    def _value(self, value: object, option: Option, path: str) -> Any:
        value = _meant(value, option)
        if isinstance(value, Unreadable):
            self._unreadable(value, path)
            return WRONG
        if not _has_type(value, option.type):
            self.report(path, self._wrong_type(value, option.type, path))
            return WRONG
        if option.choices and value not in option.choices:
            self.report(path, f"{value!r} is not known; write {_either(option.choices)}")
            return WRONG
        if option.options and isinstance(value, dict):
            right = self._options(value, option.options, path)
            judged = {key: right.get(key) for key in value if key in option.options}
        else:
            right = judged = self._items(value, option.elements or "raw", path)
            if isinstance(value, (dict, list)) and len(right) < len(value):
                # Of what is said already, a rule could only say that it is missing.
                return right
        self._judge(judged, path)
        return right

    def _judge(self, value: object, path: str) -> None:
        """Apply the rule at a path, which is empty for the entry as a whole."""
        if path in self.rules:
            for problem in self.rules[path].problems(value):
                self.report(path, problem)

    def _items(self, value: object, elements: str, path: str) -> Any:
        """Return what can be read of a free value, its items of one type where it is a list."""
        if isinstance(value, dict):
            pairs = [(key, self._item(item, "raw", _join(path, key))) for key, item in value.items()]
            return {key: item for key, item in pairs if item is not WRONG}
        if isinstance(value, list):
            items = [self._item(item, elements, f"{path}[{index}]") for index, item in enumerate(value)]
            return [item for item in items if item is not WRONG]
        return value

    def _item(self, value: object, type_name: str, path: str) -> Any:
        if isinstance(value, Unreadable):
            self._unreadable(value, path)
            return WRONG
        if not _has_type(value, type_name):
            self.report(path, self._wrong_type(value, type_name, path))
            return WRONG
        return self._items(value, "raw", path)

    def _unreadable(self, value: Unreadable, path: str) -> None:
        secret = any(rule.secret and _is_under(path, key) for key, rule in self.rules.items())
        self.report(path, unreadable(value, self.host, secret=secret))

    def _wrong_type(self, value: object, type_name: str, path: str) -> str:
        if value is None:
            return "is empty; give it a value, or remove the key"
        rule = self.rules.get(path)
        if _quotes_mend(value, type_name, rule):
            remedy = "write it in quotes"
        else:
            remedy = rule.remedy if rule else REMEDIES[type_name]
        return f"must be {EXPECTED[type_name]}, not {kind(value)}; {remedy}"

    def _known(self, key: str, options: Mapping[str, Option]) -> str:
        """Say what was meant by an unknown key: its right place, a like one, or all there are."""
        if places := [path for path in _places(key, self.options) if path != key]:
            return f"did you mean {_either(places)}?"
        if alike := difflib.get_close_matches(key, options, n=1):
            return f"did you mean {alike[0]}?"
        return f"the known ones are {', '.join(options)}"


def unreadable(value: Unreadable, host: str, *, secret: bool) -> str:
    """Word the finding of a template that cannot be filled in.

    Of a secret only a variable or a file that is missing is named: other messages may hold what
    the template had in its hands.
    """
    told = TOLD.search(value.cause)
    cause = told.group() if told else "its template fails" if secret else value.cause
    where = f" on {host}" if host else ""
    return f"has no value{where}: {cause}; define what its template needs"


def kind(value: object) -> str:
    """Name the kind of a value, without the value."""
    for types, name in KINDS:
        if isinstance(value, types):
            return name
    return "something else"


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _is_under(path: str, key: str) -> bool:
    return path == key or path.startswith((f"{key}.", f"{key}["))


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _places(key: str, options: Mapping[str, Option], path: str = "") -> Iterator[str]:
    for name, option in options.items():
        if name == key:
            yield _join(path, name)
        yield from _places(key, option.options, _join(path, name))


def _meant(value: object, option: Option) -> object:
    """Undo YAML's reading of a bare on or off where the option has that word as a choice."""
    if isinstance(value, bool):
        words = YAML_WORDS[value].intersection(option.choices)
        return next(iter(words), value)
    return value


def _has_type(value: object, type_name: str) -> bool:
    if isinstance(value, bool) and type_name == "int":
        return False
    return isinstance(value, TYPES[type_name])


def _quotes_mend(value: object, type_name: str, rule: Rule | None) -> bool:
    """Tell whether a scalar would be right as text, as a version that YAML took for a number."""
    if TYPES[type_name] != (str,) or isinstance(value, (dict, list)):
        return False
    return rule is None or not list(rule.problems(str(value)))
