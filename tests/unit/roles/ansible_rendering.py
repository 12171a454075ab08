"""Templates of a role as Ansible fills them in, which is not always as Jinja does by itself.

An empty body of a filter is None to Ansible, for one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[3] / "roles"


def render(role: str, name: str, variables: Mapping[str, Any]) -> str:
    """Print a template of a role."""
    templar = _templar(role)
    templar.available_variables = dict(variables)
    text = (_folder(role) / name).read_text(encoding="utf-8")
    return str(templar.template(trust_as_template(text)))


@functools.cache
def _templar(role: str) -> Templar:
    """Return what fills in a role's templates; one for all of them compiles what they include once."""
    return Templar(loader=DataLoader()).copy_with_new_env(searchpath=[str(_folder(role))])


def _folder(role: str) -> Path:
    return ROLES / role / "templates"
