"""The nginx role's templates, rendered without a host."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible_collections.webstack.python.plugins.filter import nginx_quote
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

ROLE = Path(__file__).parents[3] / "roles/nginx"
SHOP = {
    "name": "shop",
    "domains": ["shop.example.com", "www.shop.example.com"],
    "upstream": {"servers": ["unix:/run/webstack/shop/http.sock"], "keepalive": 16},
    "static": {"/static/": "/srv/shop/current/shop/static"},
}
BLOG = {"name": "blog", "upstream": {"servers": ["10.0.0.11:8000", "10.0.0.12:8000"]}}


def render(name, **variables):
    """Print a template with the role's defaults."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["comment"] = CoreFilters().filters()["comment"]
    environment.filters["webstack.python.nginx_quote"] = nginx_quote.quote
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    return environment.get_template(name).render(
        {**defaults, "ansible_managed": "Ansible managed", **variables}
    )


def resolve(*sites):
    return _nginx.resolve(list(sites), {"max_body_size": "10m"})


def site(entry=SHOP, **changes):
    return render("site.conf.j2", site=resolve({**entry, **changes})[0])


def http(*sites):
    return render("http.conf.j2", __nginx_present=resolve(*sites))


def read(text):
    """Return {block: [directives]}; a block's name is its path, such as 'server > location /'."""
    found, path = {}, []
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    for words, end in re.findall(r'((?:"(?:[^"\\]|\\.)*"|[^;{}"])*)([;{}])', text):
        directive = " ".join(words.split())
        if end == "{":
            path.append(directive)
            found.setdefault(" > ".join(path), [])
        elif end == "}":
            path.pop()
        else:
            found.setdefault(" > ".join(path), []).append(directive)
    assert path == []
    return found


TEMPLATES = sorted(path.relative_to(ROLE / "templates").as_posix() for path in ROLE.rglob("*.j2"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_file_says_who_manages_it(name):
    text = render(name, site=resolve(SHOP)[0], __nginx_present=resolve(SHOP))
    assert text.startswith("#\n# Ansible managed\n#\n# Managed by webstack.python\n")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_site_goes_to_its_upstream():
    found = read(site())
    assert found["upstream webstack_shop"] == [
        "server unix:/run/webstack/shop/http.sock",
        "keepalive 16",
        "keepalive_timeout 500ms",
    ]
    assert found["server > location /"] == [
        "include /etc/nginx/webstack/include/proxy.conf",
        "proxy_pass http://webstack_shop",
    ]


def test_site_answers_its_domains_on_every_address():
    assert read(site())["server"] == [
        "listen 80",
        "listen [::]:80",
        "server_name shop.example.com www.shop.example.com",
        "include /etc/nginx/webstack/include/server.conf",
        "client_max_body_size 10m",
    ]


def test_site_without_domains_is_the_default():
    assert read(site(BLOG))["server"][:3] == [
        "listen 80 default_server",
        "listen [::]:80 default_server",
        "server_name _",
    ]


def test_upstream_without_keepalive_has_none():
    assert read(site(BLOG))["upstream webstack_blog"] == ["server 10.0.0.11:8000", "server 10.0.0.12:8000"]


def test_static_folder_is_served_by_nginx():
    assert read(site())["server > location ^~ /static/"] == [
        "alias /srv/shop/current/shop/static/",
        "include /etc/nginx/webstack/include/static.conf",
    ]


def test_site_without_static_folders_has_one_location():
    assert [block for block in read(site(BLOG)) if "location" in block] == ["server > location /"]


def test_extra_lines_are_in_the_server_block():
    found = read(site(extra="deny 10.0.0.1;\nlocation = /x {\n    return 204;\n}\n"))
    assert "deny 10.0.0.1" in found["server"]
    assert found["server > location = /x"] == ["return 204"]


def test_extra_that_ends_in_a_comment_leaves_the_block_closed():
    assert "deny all" in read(site(extra="deny all; # for now"))["server"]


@pytest.mark.parametrize(
    "hostile", ['/a; } server { return 200 "x"; #', '/a" ; return 200; "', "/a b", "/a\\"]
)
def test_hostile_folder_stays_one_word(hostile):
    found = read(site(static={"/static/": hostile}))
    assert set(found) == {
        "upstream webstack_shop",
        "server",
        "server > location /",
        "server > location ^~ /static/",
    }
    assert len(found["server > location ^~ /static/"]) == 2


def test_unknown_hosts_get_nothing():
    assert read(http(SHOP))["server"] == [
        "listen 80 default_server",
        "listen [::]:80 default_server",
        "server_name _",
        "include /etc/nginx/webstack/include/server.conf",
        "return 444",
    ]


def test_site_without_domains_takes_the_unknown_hosts():
    assert "server" not in read(http(SHOP, BLOG))


def test_no_site_at_all_answers_nobody():
    assert "return 444" in read(http())["server"]


@pytest.mark.parametrize(("length", "expected"), [(46, False), (47, True), (253, True)])
def test_long_domains_get_the_room_they_need(length, expected):
    domain = "a" * (length - len(".example.com")) + ".example.com"
    assert ("server_names_hash_bucket_size 512" in http({**SHOP, "domains": [domain]})) is expected


def test_plain_requests_keep_the_upstream_connection():
    assert read(http())["map $http_upgrade $webstack_connection"] == ["default upgrade", '"" ""']
    assert "proxy_set_header Connection $webstack_connection" in read(render("include/proxy.conf.j2"))[""]


def test_clients_cannot_speak_for_the_proxy():
    proxy = read(render("include/proxy.conf.j2"))[""]
    headers = dict(line.split()[1:] for line in proxy if line.startswith("proxy_set_header "))
    assert headers == {
        "Connection": "$webstack_connection",
        "Upgrade": "$http_upgrade",
        "Host": "$host$webstack_port",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Host": "$host$webstack_port",
        "X-Forwarded-Port": "$server_port",
        "X-Forwarded-Proto": "$scheme",
        "X-Real-IP": "$remote_addr",
        "X-Request-ID": "$request_id",
        "Forwarded": '""',
        "Proxy": '""',
        "X-Forwarded-Prefix": '""',
        "X-Forwarded-Protocol": '""',
        "X-Forwarded-Ssl": '""',
    }


def test_posts_are_not_sent_twice():
    assert "proxy_next_upstream error timeout" in read(render("include/proxy.conf.j2"))[""]


def test_timeouts_follow_the_variables():
    proxy = read(
        render("include/proxy.conf.j2", nginx_proxy_connect_timeout="1s", nginx_proxy_read_timeout="5m")
    )[""]
    assert {"proxy_connect_timeout 1s", "proxy_read_timeout 5m", "proxy_send_timeout 5m"} <= set(proxy)


def test_static_files_keep_the_request_id():
    """A location with an add_header of its own would lose the server's."""
    assert "add_header X-Request-ID $request_id always" in read(render("include/server.conf.j2"))[""]
    assert "add_header" not in render("include/static.conf.j2")
