# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as plain Python data, whatever Ansible wraps them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from jinja2 import TemplateError, Undefined

Reader = Callable[[Callable[[], Any]], Any]  # takes a read, returns what stands for its result


@dataclass(frozen=True)
class Unreadable:
    """Stands in the data where a template could not be filled in; cause is Ansible's word."""

    cause: str


def plain(value: object) -> Any:
    """Copy a variable into dicts, lists and scalars, its templates filled in.

    Vault-encrypted text becomes str; dates and other objects stay as they are. Raises what
    Ansible raises where a template cannot be filled in.
    """
    return _copy(value, lambda get: get())


def plain_or_unreadable(value: object) -> Any:
    """Do as plain does, with an Unreadable in the place of each value that cannot be had.

    Lazy containers fill in a template when its item is read, so one broken template costs its
    own value alone, and all others can still be judged.
    """
    return attempt(lambda: _copy(value, attempt))


def entries(value: object, name: str) -> list[Any]:
    """Return a variable that must be a list of mappings, its items not read any further.

    Raises ValueError, naming the variable, for anything else.
    """
    value = attempt(lambda: value)
    if isinstance(value, Unreadable):
        raise ValueError(f"{name} has no value: {value.cause}")
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = list(value)
        if all(isinstance(item, Mapping) for item in items):
            return items
    raise ValueError(f"{name} must be a list of entries, each of which is a mapping")


def read(container: Any, key: Any) -> Any:
    """Return an item as it is, or an Unreadable where its template cannot be filled in."""
    return attempt(lambda: container[key])


def of_host(hostvars: Mapping[str, Any], host: str, name: str) -> Any:
    """Return a variable of a host, whose templates may refer to hostvars itself: by hostvars they may not.

    Raises what Ansible raises where a template cannot be filled in.
    """
    if not isinstance(hostvars, HostVars):
        return hostvars[host][name]
    variables = {**hostvars.raw_get(host), "hostvars": hostvars}
    return Templar(loader=DataLoader(), variables=variables).template(variables[name])


def items_of(value: Any) -> list[Any] | None:
    """Return the items of a list, each as read gives it; None for what is no list."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    return [read(value, index) for index in range(len(value))]


def attempt(get: Callable[[], Any]) -> Any:
    """Return what a call gives, or an Unreadable that says why it gives nothing."""
    try:
        value = get()
    except (AnsibleError, TemplateError) as error:
        return Unreadable(_cause(str(error)))
    return Unreadable(_cause(str(value._undefined_message))) if isinstance(value, Undefined) else value


def _cause(message: str) -> str:
    """Put Ansible's message on one line, without what only its developers can read."""
    return " ".join(message.removeprefix("A captured exception marker was tripped: ").split())


def _copy(value: object, reader: Reader) -> Any:
    if isinstance(value, str):
        return str(value)
    if _is_encrypted(value):
        return reader(lambda: str(value))
    if isinstance(value, Mapping):
        return {_copy(key, reader): _item(value, key, reader) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_item(value, index, reader) for index in range(len(value))]
    return value


def _item(container: Any, key: Any, reader: Reader) -> Any:
    return reader(lambda: _copy(container[key], reader))


def _is_encrypted(value: object) -> bool:
    """Tell vault text apart by its class's name: the class differs between ansible-core versions."""
    return type(value).__name__ in {"EncryptedString", "AnsibleVaultEncryptedUnicode"}
