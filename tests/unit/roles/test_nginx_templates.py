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
FILES = {"certificate": "/etc/ssl/shop.pem", "key": "/etc/ssl/shop.key", "on_host": True}
HASHED = r'location ~ "[.-](?=[0-9]*[a-f])[0-9a-f]{8,}(\.[A-Za-z0-9]+)+$"'
BLOG = {"name": "blog", "upstream": {"servers": ["10.0.0.11:8000", "10.0.0.12:8000"]}}
# What the role knows of the host when it fills the templates in.
NEW = {"http2_directive": True, "rotate_ticket_keys": True, "post_quantum": True, "brotli_static": True}
OLD = dict.fromkeys(NEW, False)
FOUND = {
    "ansible_managed": "Ansible managed",
    "__nginx_can": NEW,
    "__nginx_issued_sites": ["shop"],
    "__nginx_leaving": {},
    "__nginx_tls_port": "",
    "__nginx_tls_sites": [],
    "__nginx_waiting": [],
}


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
    return environment.get_template(name).render({**defaults, **FOUND, **variables})


def resolve(*sites):
    return _nginx.resolve(list(sites), {"max_body_size": "10m", "tls": "off"})


def site(entry=SHOP, **changes):
    return render("site.conf.j2", site=resolve({**entry, **changes})[0])


def tls(mode, **variables):
    """Return the site shop as it is served by TLS."""
    return render("site.conf.j2", site=resolve({**SHOP, "tls": mode})[0], **variables)


def http(*sites, **variables):
    present = resolve(*sites)
    by_tls = [entry for entry in present if entry["tls"]]
    return render("http.conf.j2", __nginx_present=present, __nginx_tls_sites=by_tls, **variables)


def read(text):
    """Return {block: [directives]}; a block's name is its path, such as 'server > location /'.

    A second server is 'server 2'.
    """
    found, path = {}, []
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    for words, end in re.findall(r'((?:"(?:[^"\\]|\\.)*"|[^;{}"])*)([;{}])', text):
        directive = " ".join(words.split())
        if end == "{":
            servers = sum(block.split(" >")[0] == block and block.startswith("server") for block in found)
            path.append(f"server {servers + 1}" if directive == "server" and servers else directive)
            found.setdefault(" > ".join(path), [])
        elif end == "}":
            path.pop()
        else:
            found.setdefault(" > ".join(path), []).append(directive)
    assert path == []
    return found


# Those below site/ are parts of site.conf.j2.
TEMPLATES = sorted(
    path.relative_to(ROLE / "templates").as_posix()
    for path in ROLE.rglob("*.j2")
    if path.parent.name != "site"
)


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
        f"server > location ^~ /static/ > {HASHED}",
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


def test_tls_leads_plain_requests_to_https_but_for_the_challenge():
    found = read(tls("acme", __nginx_tls_port=":8443"))
    assert found["server > location /"] == ["return 308 https://$host:8443$request_uri"]
    assert found["server > location ^~ /.well-known/acme-challenge/"][0] == "root /var/lib/webstack/acme"
    assert found["server 2"][:3] == ["listen 443 ssl", "listen [::]:443 ssl", found["server"][2]]
    assert "include /etc/nginx/webstack/include/tls.conf" in found["server 2"]
    assert "server 2 > location ^~ /static/" in found


def test_no_challenge_is_looked_for_without_acme():
    assert "acme-challenge" not in tls("self_signed") + site()


@pytest.mark.parametrize(("mode", "folder"), [("acme", "/etc/nginx/webstack/tls/shop"), (FILES, "/etc/ssl")])
def test_certificates_are_named_where_they_are(mode, folder):
    names = ("fullchain.pem", "privkey.pem") if mode == "acme" else ("shop.pem", "shop.key")
    lines = read(tls(mode))["server 2"]
    assert f"ssl_certificate {folder}/{names[0]}" in lines
    assert f"ssl_certificate_key {folder}/{names[1]}" in lines


def test_a_site_that_waits_for_its_first_certificate_goes_on_without_redirect():
    found = read(tls("acme", __nginx_waiting=["shop"], __nginx_issued_sites=[]))
    assert not [line for lines in found.values() for line in lines if line.startswith("return")]
    assert "listen 443 ssl" in found["server"]
    assert "listen 80" in found["server 2"]
    assert "server 2 > location ^~ /.well-known/acme-challenge/" in found


def test_a_site_that_leaves_tls_is_served_both_ways_at_first():
    kept = {"certificate": "/etc/ssl/shop.pem", "key": "/etc/ssl/shop.key"}
    found = read(render("site.conf.j2", site=resolve(SHOP)[0], __nginx_leaving={"shop": kept}))
    assert "listen 80" in found["server"]
    assert {"listen 443 ssl", "ssl_certificate /etc/ssl/shop.pem"} <= set(found["server 2"])
    assert "Strict-Transport-Security" not in str(found)


@pytest.mark.parametrize(
    ("mode", "issued", "age", "expected"),
    [
        ("acme", ["shop"], 600, True),
        ("acme", [], 600, False),
        (FILES, [], 600, True),
        ("self_signed", ["shop"], 600, False),
        ("acme", ["shop"], 0, False),
    ],
    ids=["issued", "not issued yet", "files", "self-signed", "switched off"],
)
def test_browsers_are_bound_to_https_by_certificates_that_they_trust_alone(mode, issued, age, expected):
    text = tls(mode, __nginx_issued_sites=issued, nginx_hsts_max_age=age)
    assert (f'add_header Strict-Transport-Security "max-age={age}" always;' in text) is expected


def test_subdomains_are_bound_to_https_where_the_user_says_so():
    text = tls("acme", nginx_hsts_include_subdomains=True)
    assert 'Strict-Transport-Security "max-age=63072000; includeSubDomains" always;' in text


@pytest.mark.parametrize(("can", "words"), [(NEW, "ssl"), (OLD, "ssl http2")])
def test_http2_is_switched_on_as_the_host_reads_it(can, words):
    assert f"listen 443 {words};" in tls("acme", __nginx_can=can)
    assert f"listen 443 {words} default_server;" in http({**SHOP, "tls": "acme"}, __nginx_can=can)
    assert ("http2 on;" in render("include/tls.conf.j2", __nginx_can=can)) is (can is NEW)


def test_a_handshake_for_a_name_that_no_site_has_is_rejected():
    assert "ssl_reject_handshake on" in read(http({**SHOP, "tls": "acme"}))["server 2"]
    assert "ssl_reject_handshake" not in http(SHOP) + http({**BLOG, "tls": "self_signed"})


@pytest.mark.parametrize(
    ("profile", "can", "protocols", "curves"),
    [
        ("intermediate", NEW, "TLSv1.2 TLSv1.3", "X25519MLKEM768:X25519:prime256v1:secp384r1"),
        ("modern", OLD, "TLSv1.3", "X25519:prime256v1:secp384r1"),
    ],
)
def test_profiles_say_what_the_host_can_do(profile, can, protocols, curves):
    lines = read(render("include/tls.conf.j2", nginx_tls_profile=profile, __nginx_can=can))[""]
    assert {f"ssl_protocols {protocols}", f"ssl_ecdh_curve {curves}"} <= set(lines)
    assert [line for line in lines if line.startswith("ssl_ciphers")] == [] or profile == "intermediate"
    assert ("ssl_session_tickets off" in lines) is (can is OLD)


def test_static_files_of_the_release_before_are_found_where_the_live_one_has_none():
    found = read(site(static_fallback={"/static/": "/srv/shop/previous/shop/static/"}))
    include = "include /etc/nginx/webstack/include"
    goes_on = ["recursive_error_pages on", "log_not_found off"]
    ends = ["try_files $uri =404"]
    assert found["server > location ^~ /static/"] == [
        "alias /srv/shop/current/shop/static/",
        f"{include}/static.conf",
        "error_page 404 = /.webstack-previous$uri",
        *goes_on,
    ]
    assert found[f"server > location ^~ /static/ > {HASHED}"] == [f"{include}/immutable.conf"]
    # From outside nobody gets there.
    before = "server > location ^~ /.webstack-previous/static/"
    assert found[before] == [
        "internal",
        "alias /srv/shop/previous/shop/static/",
        f"{include}/static.conf",
        "error_page 404 = /.webstack-again$uri",
        *goes_on,
        *ends,
    ]
    assert found[f"{before} > {HASHED}"] == [f"{include}/immutable.conf", *ends]
    # While it looked there, the two may have changed places. From here nothing leads on.
    again = "server > location ^~ /.webstack-again/.webstack-previous/static/"
    assert found[again] == [
        "internal",
        "alias /srv/shop/current/shop/static/",
        f"{include}/static.conf",
        *ends,
    ]
    assert found[f"{again} > {HASHED}"] == [f"{include}/immutable.conf", *ends]


def test_static_files_without_a_release_before_have_one_location_each():
    found = read(site(static={"/a/": "/srv/a", "/b/": "/srv/b"}))
    assert [block for block in found if block.startswith("server > location ^~")] == [
        "server > location ^~ /a/",
        f"server > location ^~ /a/ > {HASHED}",
        "server > location ^~ /b/",
        f"server > location ^~ /b/ > {HASHED}",
    ]
    assert "try_files" not in str(found)
    assert "error_page" not in str(found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("css/base.27e20196a850.css", True),
        ("main-8e0d62a0.js", True),
        ("main.8e0d62a0.chunk.js.map", True),
        ("style.css", False),
        ("main-8e0d62a.js", False),
        ("main-8E0D62A0.js", False),
        ("report-20260101.csv", False),
        ("main_8e0d62a0.js", False),
        ("8e0d62a0.js", False),
        ("main.8e0d62a0.d/style.css", False),
        ("main.8e0d62a0", False),
    ],
)
def test_names_with_a_digest_are_known(name, expected):
    assert bool(re.search(HASHED.split('"')[1], f"/static/{name}")) is expected


def test_files_whose_name_has_a_digest_are_kept_forever_and_no_header_is_lost():
    immutable = render("include/immutable.conf.j2")
    assert read(immutable)[""] == [
        "expires off",
        'set $webstack_cache_control "public, max-age=31536000, immutable"',
    ]
    lines = read(render("include/server.conf.j2"))[""]
    assert {'set $webstack_cache_control ""', "add_header Cache-Control $webstack_cache_control"} <= set(
        lines
    )


@pytest.mark.parametrize("can", [NEW, OLD])
def test_compressed_files_are_served_as_the_host_can(can):
    lines = read(render("include/static.conf.j2", __nginx_can=can))[""]
    assert "gzip_static on" in lines
    assert ("brotli_static on" in lines) is can["brotli_static"]
