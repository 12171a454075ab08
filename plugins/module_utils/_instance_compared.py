# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What state=compared of the module instance does: a look at all apps in one call."""

from __future__ import annotations

import copy
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.webstack.python.plugins.module_utils import _instance_host, _systemd
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths
from ansible_collections.webstack.python.plugins.module_utils._instance_options import ARGUMENTS, REQUIRED_IF
from ansible_collections.webstack.python.plugins.module_utils._instance_present import Present
from ansible_collections.webstack.python.plugins.module_utils._instance_rollback import keep_live
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import (
    hide_environment,
    secrets_of,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused


def compare(module: AnsibleModule) -> dict[str, Any]:
    """Name the apps for which state=present has something to do, and those that wait for settle."""
    calls = [_call(module, params) for params in module.params["apps"]]
    environments = [hide_environment(call.params) for call in calls]
    module.params["apps"] = [call.params["name"] for call in calls]
    module.no_log_values = set().union(*map(secrets_of, environments))
    differing, waiting = [], []
    for call, env in zip(calls, environments):
        call.no_log_values = module.no_log_values
        name = call.params["name"]
        result = _look(call, env)
        if result["changed"]:
            differing.append(name)
        elif result["pending"]:
            waiting.append(name)
    return {"changed": False, "differing": differing, "waiting": waiting}


def _call(module: AnsibleModule, params: dict[str, Any]) -> AnsibleModule:
    """Return the module as it would be called for one app. Fails for wrong options."""
    checked = ArgumentSpecValidator(ARGUMENTS, required_if=REQUIRED_IF).validate(params)
    if checked.error_messages:
        module.fail_json(msg="; ".join(checked.error_messages))
    call = copy.copy(module)
    call.params = checked.validated_parameters
    call._diff = False
    return call


def _look(call: AnsibleModule, env: dict[str, str]) -> dict[str, Any]:
    """Return what is to be done for one app; what stands in its way is for state=present to say."""
    if not Paths(call.params["name"]).key.exists():
        # On the first run, which makes it.
        return {"changed": True}
    try:
        present = Present(call, env)
        if _instance_host.foreign_units(present.paths):
            return {"changed": True}
        kept = keep_live(call, present.paths, present.wanted.id)
        return kept.result() if kept else present.result()
    except (Refused, _systemd.SystemdError, ValueError, OSError):
        return {"changed": True}
