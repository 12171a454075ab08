# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the module release to a plan, and from the plan to its answer."""

from __future__ import annotations

from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import (
    _release_hooks,
    _release_prune,
    _release_virtualenv,
)
from ansible_collections.webstack.python.plugins.module_utils._release_build import Plan, Source
from ansible_collections.webstack.python.plugins.module_utils._release_layout import Layout

# What of Gunicorn's extras a worker class needs.
EXTRAS = {"gevent": ("gevent",)}


def make_plan(params: dict[str, Any], interpreter: _release_virtualenv.Interpreter) -> Plan:
    """Return what the options ask for on this host."""
    found = params["_found"]
    specifiers = params["requirements"] if found["lock_kind"] == "list" else []
    return Plan(
        layout=Layout(params["name"]),
        source=Source(found["kind"], found["origin"], found["revision"], found["tree"]),
        interpreter=interpreter,
        dependencies=_release_virtualenv.Dependencies(
            kind=found["lock_kind"],
            lock=found["lock"],
            specifiers=tuple(specifiers),
            gunicorn=params["gunicorn_version"],
            extras=EXTRAS.get(params["worker_class"], ()),
        ),
        uv=_release_virtualenv.Uv(
            binary=params["uv"],
            index_url=params["index_url"],
            arguments=tuple(params["uv_arguments"]),
            system_certs=params["system_certs"],
            pins=tuple(params["_pins"] or ()),
        ),
        shared=[name.rstrip("/") for name in params["shared"]],
        shipped=found["shipped"],
        commands=params["build"],
        surroundings=surroundings(params),
        static=[name.rstrip("/") for name in params["static"]],
    )


def surroundings(params: dict[str, Any]) -> _release_hooks.Surroundings:
    """Return what the app's own commands find."""
    return _release_hooks.Surroundings(
        env=params["env"], sandbox=params["sandbox"], timeout=params["hook_timeout"]
    )


def answer(plan: Plan | None, **more: Any) -> dict[str, Any]:
    """Return what the module says of a release; of none, where it cannot be known yet."""
    return {
        "id": plan.id if plan else "",
        "directory": str(plan.layout.code(plan.id)) if plan else "",
        "virtualenv": str(plan.layout.virtualenv(plan.virtualenv)) if plan else "",
        "revision": plan.source.revision if plan else None,
        "prunable": True,
        "steps": [],
        **more,
    }


def unchanged(plan: Plan, keep: int) -> dict[str, Any]:
    """Return the answer for a release of which nothing is missing. keep: the option of that name."""
    # The swap of this very run may drop instances, and with them what they need: one more where it is
    # still to come, as it was not reached by the run that built the release.
    live = plan.layout.current.resolve() == plan.layout.code(plan.id).resolve()
    most = keep if live else keep - 1
    excess = _release_prune.excess(plan.layout, keep, most_instances=most, swaps=not live)
    return answer(plan, changed=False, prunable=bool(excess.paths(plan.layout)))
