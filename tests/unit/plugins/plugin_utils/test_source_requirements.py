"""Which file of a tree names the dependencies, and what counts as a change of them."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils._source_requirements import discover
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import (
    Entry,
    SourceError,
    make_tree,
    sha256,
)

PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["flask"]\n'
TOOLS = "[tool.ruff]\nline-length = 100\n"
DYNAMIC = '[project]\nname = "shop"\ndynamic = ["version", "dependencies"]\n'
LOCK = 'version = 1\n[[package]]\nname = "shop"\nsource = { virtual = "." }\n'


def tree(files):
    contents = {name: text.encode() for name, text in {"app.py": "", **files}.items()}
    entries = [Entry(name, content=sha256(content)) for name, content in contents.items()]
    return make_tree("path", "/shop", None, entries, contents.__getitem__)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, "none"),
        ({"requirements.txt": "flask"}, "requirements.txt"),
        ({"requirements.txt": "flask", "pyproject.toml": PROJECT}, "pyproject.toml"),
        ({"requirements.txt": "flask", "pyproject.toml": TOOLS}, "requirements.txt"),
        ({"requirements.txt": "flask", "pyproject.toml": DYNAMIC}, "requirements.txt"),
        ({"pyproject.toml": TOOLS}, "none"),
        ({"pylock.toml": "", "pyproject.toml": PROJECT}, "pylock.toml"),
        ({"uv.lock": LOCK, "pylock.toml": "", "pyproject.toml": PROJECT}, "uv.lock"),
        ({"uv.lock": LOCK}, "none"),
        ({"sub/requirements.txt": "flask"}, "none"),
    ],
)
def test_first_file_that_names_dependencies_is_taken(files, kind):
    assert discover(tree(files), "auto").kind == kind


def test_list_is_taken_instead_of_files():
    found = discover(tree({"requirements.txt": "django"}), ["flask==3.1.3"])
    assert found.kind == "list"
    assert found.digest != discover(tree({}), ["flask==3.1.2"]).digest


@pytest.mark.parametrize("wanted", ["flask", 3, [1], ["--index-url=x"], [""], {"flask": 1}])
def test_anything_else_is_refused(wanted):
    with pytest.raises(SourceError, match="requirements: "):
        discover(tree({}), wanted)


def digest(files):
    return discover(tree(files), "auto").digest


def test_digest_does_not_follow_the_code():
    files = {"requirements.txt": "flask"}
    assert digest(files) == digest({**files, "shop.py": "new"})


@pytest.mark.parametrize(
    ("files", "changed"),
    [
        ({"requirements.txt": "flask"}, "requirements.txt"),
        ({"requirements.txt": "-r base.txt", "base.txt": "flask"}, "base.txt"),
        ({"requirements.txt": "-c sub/c.txt", "sub/c.txt": "-r d.txt", "sub/d.txt": "flask"}, "sub/d.txt"),
        ({"pyproject.toml": PROJECT}, "pyproject.toml"),
        ({"pyproject.toml": PROJECT, "uv.toml": ""}, "uv.toml"),
        ({"pyproject.toml": PROJECT, "uv.lock": LOCK}, "uv.lock"),
        ({"pyproject.toml": PROJECT, "uv.lock": LOCK}, "pyproject.toml"),
        ({"pylock.toml": "a = 1\n"}, "pylock.toml"),
    ],
)
def test_digest_follows_each_file_that_decides(files, changed):
    assert digest(files) != digest({**files, changed: files[changed] + "\n# changed\n"})


@pytest.mark.parametrize(
    "line",
    [
        "-r other.txt",
        "-rother.txt",
        "--requirement other.txt",
        "--requirement=other.txt",
        "-c other.txt  # with a comment",
        "--constraint \\\n  other.txt",
    ],
)
def test_every_form_of_include_is_followed(line):
    assert digest({"requirements.txt": line, "other.txt": "a"}) != digest(
        {"requirements.txt": line, "other.txt": "b"}
    )


def test_files_that_include_each_other_end():
    assert digest({"requirements.txt": "-r other.txt", "other.txt": "-r requirements.txt"})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"requirements.txt": "-r base.txt"},
            r"requirements\.txt includes base\.txt, which the source tree does",
        ),
        ({"requirements.txt": "-r ../base.txt"}, "outside of the source tree"),
        ({"requirements.txt": "-r /etc/base.txt"}, "outside of the source tree"),
        ({"requirements.txt": "-c https://example.com/c.txt"}, "of another place is not supported"),
        ({"requirements.txt": "-e ."}, "leave that line out"),
        ({"requirements.txt": "--editable=./libs/a"}, "leave that line out"),
        ({"requirements.txt": "."}, "leave that line out"),
        ({"requirements.txt": ".[dev]"}, "leave that line out"),
        ({"requirements.txt": "./libs/a"}, "leave that line out"),
        ({"requirements.txt": "libs/a"}, "leave that line out"),
        ({"requirements.txt": "a-1.0-py3-none-any.whl"}, "leave that line out"),
        ({"requirements.txt": "a @ file:///srv/a"}, "leave that line out"),
        ({"requirements.txt": "-r b.txt", "b.txt": "-e ."}, r"b\.txt wants a package of the source tree"),
        ({"pyproject.toml": "[project"}, r"pyproject\.toml of /shop is not valid TOML"),
        ({"pyproject.toml": DYNAMIC}, "has dynamic dependencies"),
        (
            {
                "pyproject.toml": PROJECT,
                "uv.lock": LOCK + '[[package]]\nname = "libs"\nsource = { editable = "libs" }\n',
            },
            r"uv\.lock takes libs from the folder libs",
        ),
        (
            {"pylock.toml": '[[packages]]\nname = "libs"\ndirectory = { path = "libs" }\n'},
            r"pylock\.toml takes libs from a folder",
        ),
    ],
)
def test_what_an_index_cannot_give_is_refused(files, message):
    with pytest.raises(SourceError, match=message):
        discover(tree(files), "auto")


@pytest.mark.parametrize(
    "line",
    [
        "flask==3.1.3 --hash=sha256:00 \\\n  --hash=sha256:11",
        "a @ https://example.com/a.whl",
        "a @ git+https://example.com/a.git@v1",
        "--index-url https://example.com/simple",
        "--extra-index-url=https://example.com/simple",
        "flask[async]; python_version > '3'",
        "# -e .",
    ],
)
def test_what_an_index_or_address_gives_is_fine(line):
    assert discover(tree({"requirements.txt": line}), "auto").kind == "requirements.txt"
