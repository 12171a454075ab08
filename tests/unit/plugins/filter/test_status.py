"""What the filters of the playbook status add: where the variables come from."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible_collections.webstack.python.plugins.filter.status_requests import status_requests
from ansible_collections.webstack.python.plugins.filter.status_rows import status_rows

NAMES = ("python_apps", "gunicorn_apps")


class Locked(dict):
    """Variables of which the manifest is encrypted, without a password at hand."""

    def __getitem__(self, key):
        if key == "python_apps":
            raise AnsibleError("no vault secrets found")
        return super().__getitem__(key)


def test_manifest_that_can_be_read_is_complete():
    found = status_requests({"python_apps": [{"name": "shop"}]}, NAMES)
    assert found["complete"]
    assert [app["name"] for app in found["apps"]] == ["shop"]
    assert status_requests({"python_apps": []}, NAMES) == {"apps": [], "complete": True}


def test_manifest_that_is_not_there_or_cannot_be_read_is_not_complete():
    assert status_requests({}, NAMES) == {"apps": [], "complete": False}
    found = status_requests(Locked(python_apps=1, gunicorn_apps=[{"name": "wiki"}]), NAMES)
    assert not found["complete"]
    assert [app["name"] for app in found["apps"]] == ["wiki"]


def test_rows_come_from_what_each_host_registered():
    hostvars = {"web1": {"found": {"apps": [{"app": "shop"}]}}, "web2": {}}
    found = status_rows(hostvars, ["web1", "web2"], "found")
    assert [(row["host"], row["app"]) for row in found] == [("web1", "shop"), ("web2", None)]
