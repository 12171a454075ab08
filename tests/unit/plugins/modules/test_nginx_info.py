"""What nginx is configured to load."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.modules import nginx_info

MODULE = "ngx_http_brotli_static_module"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("50-mod.conf", f"load_module modules/{MODULE}.so;\n", True),
        ("50-mod.conf", f"# one\n  load_module /usr/lib/nginx/modules/{MODULE}.so ;", True),
        ("50-mod.conf", f"#load_module modules/{MODULE}.so;\n", False),
        ("50-mod.conf", "load_module modules/ngx_http_brotli_filter_module.so;\n", False),
        ("50-mod.conf.bak", f"load_module modules/{MODULE}.so;\n", False),
    ],
)
def test_a_module_is_loaded_where_a_file_says_so(tmp_path, name, text, expected):
    (tmp_path / "40-gone.conf").symlink_to("/nowhere")
    (tmp_path / name).write_text(text)
    assert nginx_info.loads(MODULE, tmp_path) is expected


def test_a_host_without_nginx_loads_nothing(tmp_path):
    assert not nginx_info.loads(MODULE, tmp_path / "missing")
