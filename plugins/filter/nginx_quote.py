# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.nginx_quote."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: nginx_quote
short_description: A value as one word of nginx's configuration
version_added: 0.1.0
description:
  - Writes a value so that nginx reads it as one parameter of a directive, whatever it holds.
  - Fails for what nginx has no way to write, which is a dollar sign, a control character, and a tilde
    at the beginning, which makes a regular expression of a name.
options:
  _input:
    description: The value.
    type: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
# alias "/srv/my files/";
line: "alias {{ '/srv/my files/' | webstack.python.nginx_quote }};"
"""

RETURN = r"""
_value:
  description: The value, in double quotes where it needs them.
  type: str
"""

BARE = re.compile(r"[\w./:@*\[\]-]+", re.ASCII)
UNWRITABLE = re.compile(r"[$\x00-\x1f\x7f]|^~")


def quote(value: object) -> str:
    """Return the value as one nginx parameter. Raises AnsibleFilterError."""
    text = str(value)
    if found := UNWRITABLE.search(text):
        raise AnsibleFilterError(
            f"{text!r} cannot be a value in nginx's configuration because of {found[0]!r}"
        )
    if BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"nginx_quote": quote}
