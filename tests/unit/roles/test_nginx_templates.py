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
BLOG = {"name": "blog", "upstream": {"servers": ["10.0.0.11:8000", "10.0.0.12:8000"]}}
# What the role knows of the host when it fills the templates in.
NEW = {"http2_directive": True, "rotate_ticket_keys": True, "post_quantum": True}
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
    return render("site.conf.j2", **{"site": resolve({**SHOP, "tls": mode})[0], **variables})


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


# Those below site/ are parts of site.conf.j2, and visitors read the source of a page.
TEMPLATES = sorted(
    path.relative_to(ROLE / "templates").as_posix()
    for path in ROLE.rglob("*.conf.j2")
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
        "include /etc/nginx/webstack/include/pages.conf",
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


CACHED = {"cache": "2h"}


def test_cache_is_a_zone_of_the_sites_own():
    found = read(site(**CACHED))
    (path,) = [line for line in found[""] if line.startswith("proxy_cache_path")]
    assert path == (
        "proxy_cache_path /var/cache/nginx/webstack/shop levels=1:2 use_temp_path=off "
        "keys_zone=webstack_cache_shop:10m max_size=1g inactive=7200s"
    )
    assert "add_header X-Cache-Status $upstream_cache_status always" in found["server"]
    assert {
        "proxy_cache webstack_cache_shop",
        "proxy_cache_key $scheme://$host$webstack_port$request_uri",
        "proxy_cache_valid 200 301 308 7200s",
        "proxy_cache_valid 404 10s",
        "proxy_cache_lock on",
        "proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504",
        "proxy_cache_background_update on",
        "proxy_cache_revalidate on",
    } <= set(found["server > location /"])


def test_cache_is_for_nobody_who_is_known():
    assert {"proxy_cache_bypass $webstack_personal", "proxy_no_cache $webstack_personal"} <= set(
        read(site(**CACHED))["server > location /"]
    )
    known = read(http())['map "$http_cookie$http_authorization$http_upgrade" $webstack_personal']
    assert known == ["default 1", '"" ""']


def test_a_site_without_cache_keeps_nothing():
    assert "cache_" not in site().replace("webstack_cache_control", "")
    assert "X-Cache-Status" not in site()


def test_a_cache_without_its_parent_does_not_keep_nginx_down():
    assert "CacheDirectory=nginx/webstack\n" in render("nginx.service.conf.j2")


PAGES = {"error_pages": {404: "/srv/shop/current/errors/404.html"}}


def test_page_of_an_error_keeps_the_status_also_where_its_file_is_missing():
    found = read(site(**PAGES))
    assert "error_page 404 /.webstack/404" in found["server"]
    assert found["server > location = /.webstack/404"] == [
        "internal",
        "set $webstack_cache_control no-store",
        "root /srv/shop/current/errors",
        "try_files /404.html =404",
    ]
    assert "proxy_intercept_errors on" in found["server"]


def test_pages_of_the_site_go_before_those_of_the_collection():
    lines = read(site(error_pages={502: "/p/502.html"}))["server"]
    own = lines.index("error_page 502 /.webstack/502")
    assert own < lines.index("include /etc/nginx/webstack/include/pages.conf")
    assert "proxy_intercept_errors on" not in lines


def test_an_app_that_does_not_answer_has_a_page():
    found = read(render("include/pages.conf.j2"))
    assert "error_page 502 504 /.webstack/unavailable.html" in found[""]
    page = found["location = /.webstack/unavailable.html"]
    assert {"internal", "alias /etc/nginx/webstack/pages/unavailable.html"} <= set(page)


def test_pages_lose_no_header_of_the_server():
    """An add_header of a location would."""
    for text in (site(**PAGES, **CACHED, maintenance=True), render("include/pages.conf.j2")):
        blocks = {block: lines for block, lines in read(text).items() if "location" in block}
        assert blocks
        assert "add_header" not in str(blocks)
    assert "add_header Retry-After $webstack_retry_after always" in read(render("include/pages.conf.j2"))[""]


def test_the_collections_pages_stand_alone():
    pages = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__nginx_pages"]
    assert [page["name"] for page in pages] == ["unavailable", "maintenance"]
    for page in pages:
        text = render("page.html.j2", page=page)
        assert text.startswith("<!DOCTYPE html>")
        assert page["text"] in text
        assert not re.search(r"src=|href=|url\(|https?:|nginx|ansible", text, re.IGNORECASE)


CLOSED = {
    "maintenance": {"allow": ["192.0.2.0/24", "2001:db8::/32"], "health": "/healthz", "page": "/p/m.html"}
}


def test_maintenance_answers_everybody_but_operators():
    found = read(site(**CLOSED))
    assert found["geo $webstack_closed_shop"] == ["default 1", "192.0.2.0/24 0", "2001:db8::/32 0"]
    for location in ("/", "^~ /static/"):
        closed = found[f"server > location {location} > if ($webstack_closed_shop)"]
        assert closed == ["error_page 503 /.webstack/maintenance", "return 503"]
    page = found["server > location = /.webstack/maintenance"]
    assert page == [
        "internal",
        "set $webstack_cache_control no-store",
        "set $webstack_retry_after 300",
        "root /p",
        "try_files /m.html =503",
    ]


def test_maintenance_leaves_the_health_path_and_the_challenge_alone():
    found = read(site(**CLOSED))
    health = found["server > location = /healthz"]
    assert health[-1] == "proxy_pass http://webstack_shop"
    assert "include /etc/nginx/webstack/include/proxy.conf" in health
    assert "return" not in str(health)
    acme = read(tls("acme", site=resolve({**SHOP, "tls": "acme", **CLOSED})[0]))
    challenges = [lines for block, lines in acme.items() if block.endswith("acme-challenge/")]
    assert [line for lines in challenges for line in lines if "return" in line] == []


def test_a_site_that_is_open_has_no_maintenance():
    text = site(maintenance=False)
    assert "geo " not in text
    assert "503" not in text


def test_names_with_dashes_have_variables_of_their_own():
    assert "geo $webstack_closed_a_b {" in site(name="a-b", maintenance=True)
