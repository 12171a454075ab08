# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What state=compared of the module release does: a look at all apps in one call."""

from __future__ import annotations

import functools
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.webstack.python.plugins.module_utils import _account, _release_virtualenv
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.webstack.python.plugins.module_utils._release_options import ADDED, NAMED, OPTIONS
from ansible_collections.webstack.python.plugins.module_utils._release_request import make_plan, unchanged


def compare(module: AnsibleModule) -> dict[str, Any]:
    """Answer for the apps of whose releases nothing is missing, and name the others."""
    apps = [_validated(module, params) for params in module.params["apps"]]
    # Nothing of an app but its name and paths is in the answer, and names are no secrets.
    module.no_log_values = set()
    module.params["apps"] = [params["name"] for params in apps]
    # Most apps of a host share an interpreter.
    probe = functools.cache(_release_virtualenv.probe)
    releases, differing = [], []
    for params in apps:
        try:
            plan = make_plan(params, probe(params["python"]))
            wants = plan.wants()
        except (_account.AccountError, ReleaseError, OSError):
            # What stands in the way is for state=present to say.
            wants = True
        if wants:
            differing.append(params["name"])
        else:
            releases.append({"app": params["name"], **unchanged(plan, params["keep"])})
    return {"changed": False, "releases": releases, "differing": differing}


def _validated(module: AnsibleModule, params: dict[str, Any]) -> dict[str, Any]:
    """Return an app's options with their defaults. Fails for wrong ones."""
    checked = ArgumentSpecValidator({**OPTIONS, **ADDED}, required_if=NAMED).validate(params)
    if checked.error_messages:
        module.fail_json(msg="; ".join(checked.error_messages))
    return dict(checked.validated_parameters)
