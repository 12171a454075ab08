"""Which files the templates become."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.webstack.python.plugins.action import nginx_tree


def template(**given):
    return {"src": "site.conf.j2", "dest": "http.conf", "each": None, "as": "site", **given}


def test_template_without_entries_is_one_file():
    assert list(nginx_tree.destinations(template())) == [("http.conf", {})]


def test_template_with_entries_is_a_file_each():
    shop, blog = {"name": "shop"}, {"name": "blog"}
    found = list(nginx_tree.destinations(template(dest="sites/{name}.conf", each=[shop, blog])))
    assert found == [("sites/shop.conf", {"site": shop}), ("sites/blog.conf", {"site": blog})]


def test_template_with_an_empty_list_is_no_file():
    assert list(nginx_tree.destinations(template(each=[]))) == []


def test_entry_without_the_named_key_is_refused():
    with pytest.raises(AnsibleActionFail, match=r"names a key that an entry does not have: 'name'"):
        list(nginx_tree.destinations(template(dest="{name}.conf", each=[{"id": 1}])))


@pytest.mark.parametrize(
    "dest",
    ["../nginx.conf", "/etc/passwd", "sites/../../x", ".hidden", "a//b", "a b", "sites/", "", "a\n"],
)
def test_path_outside_the_tree_is_refused(dest):
    with pytest.raises(AnsibleActionFail, match="cannot be the path of a file in the tree"):
        list(nginx_tree.destinations(template(dest=dest)))


def test_secrets_and_other_files_have_folders_of_their_own():
    nginx_tree.refuse_misplaced(["http.conf", "sites/secrets.conf"], ["shop.htpasswd", "my-shop.htpasswd"])
    with pytest.raises(AnsibleActionFail, match=r"'secrets/x\.conf' is no secret"):
        nginx_tree.refuse_misplaced(["secrets/x.conf"], [])


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "", "a b"])
def test_a_secret_outside_its_folder_is_refused(name):
    with pytest.raises(AnsibleActionFail, match="cannot be the name of a secret"):
        nginx_tree.refuse_misplaced([], [name])
