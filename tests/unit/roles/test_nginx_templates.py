"""The nginx role's templates, rendered without a host."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

from tests.unit.roles import ansible_rendering

ROLE = Path(__file__).parents[3] / "roles/nginx"
SHOP = {
    "name": "shop",
    "domains": ["shop.example.com", "www.shop.example.com"],
    "upstream": {"servers": ["unix:/run/webstack/shop/http.sock"], "keepalive": 16},
    "static": {"/static/": "/srv/shop/current/shop/static"},
}
FILES = {"certificate": "/etc/ssl/shop.pem", "key": "/etc/ssl/shop.key", "on_host": True}
HASHED = r'location ~ "[.-](?=[0-9]*[a-f])[0-9a-f]{8,}\.[A-Za-z0-9.]{1,30}$"'
HIDDEN = r'location ~ "(?s)^.{%d,}/\.(?!well-known/)"'  # the number is that of the prefix without its slash
BLOG = {"name": "blog", "upstream": {"servers": ["10.0.0.11:8000", "10.0.0.12:8000"]}}
LIMITS = {"read_timeout": "60s", "blocked_paths": []}
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
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    return ansible_rendering.render("nginx", name, {**defaults, **FOUND, **variables})


DEFAULTS = {"max_body_size": "10m", "tls": "off", "headers": {"X-Mine": "1"}, "access_log": "combined"}


def resolve(*sites):
    return _nginx.resolve(list(sites), {**DEFAULTS, **LIMITS})


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


def test_the_role_judges_each_variable_that_has_a_rule():
    """A playbook of one's own has no preflight; what is no text by a rule, the role's spec judges."""
    judged = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__nginx_variables"]
    assert judged.keys() >= _nginx.VARIABLE_RULES.keys()


def test_each_directive_has_a_line_of_its_own():
    """The end of a line is lost at the end of a part, but for that of a block of Jinja."""
    text = tls("self_signed")
    assert [line for line in text.splitlines() if re.search(r";\s*[a-z_]+ [^;]*;$", line)] == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_are_filled_in_here_as_by_the_module(name):
    variables = {**FOUND, **yaml.safe_load((ROLE / "defaults/main.yml").read_text())}
    variables |= {"site": resolve(SHOP)[0], "__nginx_present": resolve(SHOP)}
    loader = DataLoader()
    lookup = lookup_loader.get("ansible.builtin.template", loader=loader, templar=Templar(loader=loader))
    (text,) = lookup.run([name], variables={**variables, "ansible_search_path": [str(ROLE)]})
    assert ansible_rendering.render("nginx", name, variables) == text


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
        "include /etc/nginx/webstack/headers/shop.conf",
        "error_log /var/log/nginx/shop.error.log",
        "access_log /var/log/nginx/shop.access.log combined buffer=64k flush=1s",
        "proxy_read_timeout 60s",
        "proxy_send_timeout 60s",
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
    assert {block for block in found if not block.startswith("map ")} == {
        "upstream webstack_shop",
        "server",
        "server > location /",
        "server > location ^~ /static/",
        f"server > location ^~ /static/ > {HIDDEN % 7}",
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


@pytest.mark.parametrize(("sites", "expected"), [(1, False), (2, False), (3, True)])
def test_many_sites_get_the_room_that_their_variables_need(sites, expected):
    places = [{**SHOP, "name": f"shop{number}", "path": f"/{number}/"} for number in range(sites)]
    lines = read(http(*places))[""]
    assert ("variables_hash_bucket_size 128" in lines) is expected
    assert ("variables_hash_max_size 8192" in lines) is expected


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
    proxy = read(render("include/proxy.conf.j2", nginx_proxy_connect_timeout="1s"))[""]
    assert "proxy_connect_timeout 1s" in proxy
    (resolved,) = _nginx.resolve([SHOP], {**DEFAULTS, **LIMITS, "read_timeout": "5m"})
    server = read(render("site.conf.j2", site=resolved))["server"]
    assert {"proxy_read_timeout 5m", "proxy_send_timeout 5m"} <= set(server)


def test_static_files_keep_the_request_id():
    """A location with an add_header of its own would lose the server's."""
    headers = read(render("headers.conf.j2", site=resolve(SHOP)[0]))[""]
    assert "add_header X-Request-ID $request_id always" in headers
    assert "add_header" not in render("include/static.conf.j2")


def test_tls_leads_plain_requests_to_https_but_for_the_challenge():
    found = read(tls("acme", __nginx_tls_port=":8443"))
    assert found["server > location /"] == ["expires 1h", "return 308 https://$host:8443$request_uri"]
    challenge = found["server > location ^~ /.well-known/acme-challenge/"]
    assert {"auth_basic off", "allow all", "root /var/lib/webstack/acme"} <= set(challenge)
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
    assert not [line for lines in found.values() for line in lines if line.startswith("return 30")]
    assert "listen 443 ssl" in found["server"]
    assert "listen 80" in found["server 2"]
    assert "server 2 > location ^~ /.well-known/acme-challenge/" in found


def test_a_site_that_leaves_tls_is_served_both_ways_at_first():
    kept = {"certificate": "/etc/ssl/shop.pem", "key": "/etc/ssl/shop.key"}
    found = read(render("site.conf.j2", site=resolve(SHOP)[0], __nginx_leaving={"shop": kept}))
    assert "listen 80" in found["server"]
    assert {"listen 443 ssl", "ssl_certificate /etc/ssl/shop.pem"} <= set(found["server 2"])
    assert "Strict-Transport-Security" not in render("headers.conf.j2", site=resolve(SHOP)[0])


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
    variables = {"__nginx_issued_sites": issued, "nginx_hsts_max_age": age}
    headers = read(render("headers.conf.j2", site=resolve({**SHOP, "tls": mode})[0], **variables))[""]
    assert ("add_header Strict-Transport-Security $webstack_hsts always" in headers) is expected
    assert f'"on:" "max-age={age}";' in http(**variables)


def test_subdomains_are_bound_to_https_where_the_user_says_so():
    text = http(nginx_hsts_include_subdomains=True)
    assert '"on:" "max-age=63072000; includeSubDomains";' in text


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


def test_limits_that_nobody_asked_for_are_not_there():
    text = site(static={})
    for word in ("limit_req", "limit_conn", "geo ", "map ", "auth_basic", "allow", "deny", "return"):
        assert word not in text
    assert "Authorization" not in text


def test_the_rate_holds_for_what_the_app_is_asked_and_not_for_who_is_exempt():
    entry = {**SHOP, "name": "my-shop", "rate_limit": {"rate": "20r/s", "burst": 40}}
    found = read(site(entry, limits_exempt=["10.0.0.0/8", "2001:db8::1"]))
    assert found["geo $webstack_my_shop_free"] == ["default 0", "10.0.0.0/8 1", "2001:db8::1/128 1"]
    client = "map $webstack_my_shop_free $webstack_my_shop_key"
    assert found[client] == ["default $binary_remote_addr", '1 ""']
    assert found[""] == ["limit_req_zone $webstack_my_shop_key zone=webstack_my_shop_rate:10m rate=20r/s"]
    limits = {"limit_req zone=webstack_my_shop_rate burst=40 nodelay", "limit_req_status 429"}
    assert limits <= set(found["server > location /"])
    assert not limits & {*found["server"], *found["server > location ^~ /static/"]}


def test_the_zones_key_is_the_same_with_and_without_exempt_ones():
    """nginx does not reload a zone that counts by another variable."""
    keys = {
        read(site(rate_limit={"rate": "1r/s"}, connection_limit=1, **more))[""][0].split()[1]
        for more in ({}, {"limits_exempt": ["10.0.0.0/8"]})
    }
    assert keys == {"$webstack_shop_key"}


def test_the_rate_holds_for_the_files_of_a_root_and_for_what_is_kept():
    rate = {"rate_limit": {"rate": "1r/m", "burst": 0}}
    docs = {"name": "docs", "domains": ["docs.example.com"], "root": "/srv/docs", **rate}
    assert "limit_req zone=webstack_docs_rate nodelay" in server(docs)["server > location /"]
    kept = read(site(cache="1h", **rate))["server > location /"]
    assert "limit_req zone=webstack_shop_rate nodelay" in kept


def test_a_rate_without_a_burst_has_none():
    found = read(site(rate_limit={"rate": "1r/m", "burst": 0}))
    assert "limit_req zone=webstack_shop_rate nodelay" in found["server > location /"]


def test_connections_are_limited_beside_the_rate_or_alone():
    found = read(site(connection_limit=5))
    assert found[""] == ["limit_conn_zone $webstack_shop_key zone=webstack_shop_connections:10m"]
    limits = {"limit_conn webstack_shop_connections 5", "limit_conn_status 429"}
    assert limits <= set(found["server > location /"])
    both = read(site(connection_limit=5, rate_limit={"rate": "1r/s"}))
    assert len(both[""]) == 2


def test_other_methods_are_refused_before_a_location_is_chosen():
    found = read(site(methods=["GET", "POST"]))
    assert found["map $request_method $webstack_shop_405"] == ["default 1", "GET 0", "POST 0", "HEAD 0"]
    assert found["server > if ($webstack_shop_405)"] == ["return 405"]


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        ({"deny": ["10.0.0.1"]}, ["deny 10.0.0.1/32"]),
        ({"allow": ["10.0.0.0/8"]}, ["allow 10.0.0.0/8", "deny all"]),
        (
            {"allow": ["10.0.0.0/8"], "deny": ["10.0.0.1"]},
            ["deny 10.0.0.1/32", "allow 10.0.0.0/8", "deny all"],
        ),
    ],
)
def test_who_is_refused_comes_before_who_is_let_in(keys, lines):
    server = read(site(**keys))["server"]
    assert [line for line in server if line.startswith(("allow", "deny"))] == lines


def test_the_password_is_asked_for_the_whole_site_and_goes_no_further():
    found = read(site(basic_auth={"users": {"alice": "secret"}, "realm": "Staff only"}))
    assert 'auth_basic "Staff only"' in found["server"]
    assert "auth_basic_user_file /etc/nginx/webstack/secrets/shop.htpasswd" in found["server"]
    assert 'proxy_set_header Authorization ""' in found["server > location /"]
    assert "secret;" not in site(basic_auth={"users": {"alice": "secret"}})


def test_paths_and_agents_are_written_as_nginx_reads_them():
    text = site(blocked_paths=["/.git/"], blocked_agents=['a.b "c"'])
    assert 'if ($uri ~ "^(?:/\\\\.git/)") {' in text
    assert 'if ($http_user_agent ~* "(?:a\\\\.b\\\\ \\"c\\")") {' in text


def test_an_authority_is_let_in_whoever_else_is_not():
    keys = {"allow": ["10.0.0.1"], "basic_auth": {"users": {"a": "b"}}, "methods": ["POST"]}
    waits = {"__nginx_waiting": ["shop"], "__nginx_issued_sites": []}
    text = render("site.conf.j2", site=resolve({**SHOP, **keys, "tls": "acme"})[0], **waits)
    found = read(text)
    assert found['server 2 > if ($uri ~ "^/\\.well-known/acme-challenge/")'] == ["break"]
    plain = text.partition("listen 80")[2]
    assert plain.index("break;") < plain.index("return 405;")
    challenge = found["server 2 > location ^~ /.well-known/acme-challenge/"]
    assert {"auth_basic off", "allow all"} <= set(challenge)


def test_a_site_has_its_own_time_to_answer():
    server = read(site(read_timeout="5m"))["server"]
    assert {"proxy_read_timeout 5m", "proxy_send_timeout 5m"} <= set(server)
    # In the location it would be a second one.
    assert "proxy_read_timeout" not in render("include/proxy.conf.j2")


PROXIES = {"nginx_trusted_proxies": ["192.0.2.0/24", "2001:db8::1"]}


def test_nobody_speaks_for_a_client_without_trusted_proxies():
    assert "real_ip" not in render("include/server.conf.j2")
    assert "webstack_peer" not in http(SHOP)
    assert "map $server_port $webstack_port" in http(SHOP)


def test_trusted_proxies_are_believed_who_the_client_is():
    lines = read(render("include/server.conf.j2", **PROXIES, nginx_real_ip_header="CF-Connecting-IP"))[""]
    assert [line for line in lines if "real_ip" in line] == [
        "set_real_ip_from 192.0.2.0/24",
        "set_real_ip_from 2001:db8::1",
        "real_ip_header CF-Connecting-IP",
        "real_ip_recursive on",
    ]


def test_trusted_proxies_are_believed_what_the_client_came_by_and_the_app_gets_one_address():
    found = read(http(SHOP, **PROXIES))
    assert found["geo $realip_remote_addr $webstack_peer"] == [
        "default stranger",
        "192.0.2.0/24 trusted",
        "2001:db8::1 trusted",
    ]
    scheme = "map $webstack_peer:$http_x_forwarded_proto $webstack_scheme"
    assert found[scheme] == ["default $scheme", "trusted:http http", "trusted:https https"]
    assert found["map $webstack_client_port $webstack_port"][0] == 'default ":$webstack_client_port"'
    proxy = read(render("include/proxy.conf.j2", **PROXIES))[""]
    assert {
        "proxy_set_header X-Forwarded-For $remote_addr",
        "proxy_set_header X-Forwarded-Proto $webstack_scheme",
        "proxy_set_header X-Forwarded-Port $webstack_client_port",
    } <= set(proxy)


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("nginx_client_header_timeout", "3s", "client_header_timeout 3s"),
        ("nginx_client_body_timeout", "3s", "client_body_timeout 3s"),
        ("nginx_send_timeout", "3s", "send_timeout 3s"),
        ("nginx_keepalive_timeout", "3s", "keepalive_timeout 3s"),
        ("nginx_keepalive_requests", 7, "keepalive_requests 7"),
        ("nginx_large_client_header_buffers", "2 4k", "large_client_header_buffers 2 4k"),
    ],
)
def test_clients_have_the_time_and_room_that_the_host_gives_them(variable, value, line):
    assert line in read(render("include/server.conf.j2", **{variable: value}))[""]
    assert line not in read(render("include/server.conf.j2"))[""]


HEADERS = "include /etc/nginx/webstack/headers/shop.conf"
WIKI = {**SHOP, "name": "wiki", "path": "/wiki/", "upstream": {"servers": ["10.0.0.2:8000"]}}


def server(*sites, **variables):
    """Return the one server block that the sites share."""
    (block,) = resolve(*sites)
    return read(render("site.conf.j2", site=block, **variables))


def test_sites_with_the_same_domains_are_locations_of_one_server():
    found = server(SHOP, WIKI)
    assert [block for block in found if block.startswith(("upstream", "server 2"))] == [
        "upstream webstack_shop",
        "upstream webstack_wiki",
    ]
    assert found["server > location /"][-1] == "proxy_pass http://webstack_shop"
    assert found["server > location /wiki/"][-1] == "proxy_pass http://webstack_wiki"
    assert "server > location ^~ /wiki/static/" in found


def test_a_path_without_its_slash_leads_to_it_wherever_the_visitor_came_from():
    found = server(WIKI)
    assert found["server > location = /wiki"] == ['return 308 "/wiki/$is_args$args"']
    # Behind a proxy that ends TLS, the server's own scheme and port lead nowhere, of folders neither.
    assert "absolute_redirect off" in read(render("include/server.conf.j2"))[""]
    assert not [block for block in server(SHOP) if "location =" in block]


def test_where_no_site_is_nothing_is_served():
    assert server(WIKI)["server > location /"] == ["return 404"]
    assert "return 404" not in server(SHOP)["server > location /"]


def test_each_site_of_a_server_has_its_own_bounds_and_lines():
    found = server({**SHOP, "extra": "deny 10.0.0.1;"}, {**WIKI, "max_body_size": "1g", "extra": "deny all;"})
    assert found["server > location /wiki/"][0] == "client_max_body_size 1g"
    assert {"client_max_body_size 10m", "deny 10.0.0.1", "deny all"} <= set(found["server"])


def test_answers_are_passed_on_as_they_come_where_the_user_says_so():
    assert "proxy_buffering off" in server({**SHOP, "buffering": False})["server > location /"]
    assert "proxy_buffering" not in site()


@pytest.mark.parametrize(("path", "line"), [("/", 'root "/srv/docs,1/"'), ("/d/", 'alias "/srv/docs,1/"')])
def test_a_static_site_serves_its_folder_but_not_what_is_hidden(path, line):
    docs = {"name": "docs", "domains": ["d.example"], "root": "/srv/docs,1", "path": path}
    found = server(docs)
    assert found[f"server > location {path}"][0] == line
    text = render("site.conf.j2", site=resolve(docs)[0])
    assert "location ~ /\\.(?!well-known/) {\n            return 404;" in text
    assert "upstream" not in text.replace("$upstream_http", "")


REDIRECTED = {**SHOP, "domains": ["shop.example.com"], "redirects": ["www.shop.example.com"]}
LEADS = "return 308 $scheme://shop.example.com$webstack_port$request_uri"


def test_names_lead_to_the_first_domain():
    found = server(REDIRECTED)
    assert {"server_name www.shop.example.com", HEADERS} <= set(found["server"])
    assert found["server > location /"] == [LEADS]
    assert "server_name shop.example.com" in found["server 2"]


def test_names_lead_to_the_first_domain_by_https_from_both():
    found = server({**REDIRECTED, "tls": "acme"}, __nginx_tls_port=":8443")
    names = {name: lines[2] for name, lines in found.items() if name.startswith("server") and ">" not in name}
    assert [line.split()[1] for line in names.values()] == [
        "shop.example.com",
        "www.shop.example.com",
        "www.shop.example.com",
        "shop.example.com",
    ]
    assert found["server 2 > location /"] == [
        "expires 1h",
        "return 308 https://shop.example.com:8443$request_uri",
    ]
    assert "server 2 > location ^~ /.well-known/acme-challenge/" in found
    assert found["server 3 > location /"] == [LEADS]
    assert "ssl_certificate /etc/nginx/webstack/tls/shop/fullchain.pem" in found["server 3"]
    assert HEADERS in found["server 3"]


def test_names_lead_to_what_is_served_while_a_certificate_is_waited_for():
    found = server({**REDIRECTED, "tls": "acme"}, __nginx_waiting=["shop"], __nginx_issued_sites=[])
    leading = [lines for block, lines in found.items() if block.endswith("location /") and LEADS in lines]
    assert len(leading) == 2
    assert "https://" not in str(found)


def test_names_that_lead_elsewhere_get_the_room_they_need():
    domain = "a" * 40 + ".example.com"
    assert "server_names_hash_bucket_size 512" in http({**SHOP, "redirects": [domain]})


def test_a_header_is_the_apps_where_it_sends_one():
    csp = "default-src 'self'; img-src \"\\"
    (block,) = resolve({**SHOP, "headers": {"Content-Security-Policy": csp}})
    maps = read(render("site.conf.j2", site=block))
    assert maps["map $sent_http_content_security_policy $webstack_shop_h1"] == [
        '"" "default-src \'self\'; img-src \\"\\\\"',
        'default ""',
    ]
    headers = read(render("headers.conf.j2", site=block))[""]
    assert "add_header Content-Security-Policy $webstack_shop_h1 always" in headers
    assert "add_header X-Mine $webstack_header_1 always" in headers


def test_the_hosts_headers_are_mapped_once():
    maps = read(http(nginx_headers={"X-Mine": "a b", "X-Off": 0, "X-None": "", "X-None-Too": None}))
    assert maps["map $sent_http_x_mine $webstack_header_1"] == ['"" "a b"', 'default ""']
    assert maps["map $sent_http_x_off $webstack_header_2"] == ['"" 0', 'default ""']
    assert "x_none" not in str(maps)
    assert "x_mine" not in site()


def test_headers_go_by_what_is_sent_and_not_by_an_answer_that_a_page_takes_the_place_of():
    """What the app has said is still in $upstream_http_*, and nothing of it in the page."""
    text = http(nginx_headers={"X-Mine": "1"}) + site(headers={"X-Own": "1"})
    assert "$sent_http_x_mine " in text
    assert "$sent_http_x_own " in text
    assert "upstream_http" not in text


def test_an_app_that_binds_browsers_to_https_itself_is_left_to_it():
    maps = read(http())
    (hsts,) = [lines for name, lines in maps.items() if name.endswith("$webstack_hsts")]
    assert 'map "$https:$sent_http_strict_transport_security" $webstack_hsts' in maps
    assert hsts == ['"on:" "max-age=63072000"', 'default ""']


LOG = "access_log /var/log/nginx/shop.access.log"


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({}, f"{LOG} combined buffer=64k flush=1s"),
        ({"access_log": "json"}, f"{LOG} webstack_json buffer=64k flush=1s"),
        ({"access_log": "off"}, "access_log off"),
    ],
)
def test_every_block_of_a_site_writes_to_its_logs(keys, line):
    found = read(render("site.conf.j2", site=resolve({**REDIRECTED, "tls": "acme", **keys})[0]))
    blocks = [lines for block, lines in found.items() if block.startswith("server") and ">" not in block]
    assert len(blocks) == 4
    for lines in blocks:
        assert {line, "error_log /var/log/nginx/shop.error.log"} <= set(lines)


def test_a_path_is_logged_as_it_was_asked_for():
    """A page of errors is a request of its own to nginx, and a map keeps its first value."""
    assert (
        'set $webstack_first_use "$webstack_method $webstack_path"'
        in server({**SHOP, "log_query": False})["server"]
    )
    assert "webstack_first_use" not in site()


def formats():
    text = re.sub(r"'\n\s*'", "", http())
    return dict(re.findall(r"^log_format (\w+)(?: escape=json)?\s+'(.*)';$", text, re.MULTILINE))


def test_a_line_of_the_log_is_an_object():
    for name in ("webstack_json", "webstack_json_no_query"):
        line = re.sub(r"\$(webstack_status|body_bytes_sent|request_time)\b", "1", formats()[name])
        found = json.loads(line)
        assert {"time", "remote_addr", "request_id", "uri", "status", "cache", "referer"} <= set(found)
        assert found["status"] == found["bytes"] == 1


def test_no_format_without_queries_has_one():
    without = {name: text for name, text in formats().items() if name.endswith("_no_query")}
    assert len(without) == 2
    for text in without.values():
        assert not re.search(r"\$(request|request_uri|args|query_string|http_referer)\b", text)


def test_the_status_is_for_the_host_alone():
    found = read(http(nginx_status=True))
    assert "server_name nginx-status.localhost" in found["server 2"]
    assert found["server 2 > location = /"] == ["allow 127.0.0.1", "allow ::1", "deny all", "stub_status"]
    # An address that a header names is believed where this file says so.
    assert "include/server.conf" not in str(found["server 2"])
    assert "stub_status" not in http()


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
        "open_file_cache max=200 inactive=10s",
        "open_file_cache_valid 1s",
    } <= set(found["server > location /"])


def test_cache_is_for_nobody_who_is_known():
    assert {"proxy_cache_bypass $webstack_personal", "proxy_no_cache $webstack_personal"} <= set(
        read(site(**CACHED))["server > location /"]
    )
    known = read(http())['map "$http_cookie$http_authorization$http_upgrade" $webstack_personal']
    assert known == ["default 1", '"" ""']


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("range", '""'),
        ("if_range", '""'),
        ("if_match", '""'),
        ("if_unmodified_since", '""'),
        ("if_none_match", "$upstream_cache_etag"),
        ("if_modified_since", "$upstream_cache_last_modified"),
    ],
)
def test_an_answer_that_is_not_kept_is_asked_for_in_the_clients_words(name, own):
    maps = read(http())
    asks = maps['map "$request_method:$webstack_personal" $webstack_client_asks']
    assert asks == ["default 1", '"GET:" ""', '"HEAD:" ""']
    words = maps[f"map $webstack_client_asks $webstack_{name}"]
    assert words == ["volatile", f"default $http_{name}", f'"" {own}']
    header = name.replace("_", "-").title()
    assert f"proxy_set_header {header} $webstack_{name}" in read(site(cache="1s"))["server > location /"]
    assert f"$webstack_{name}" not in site()


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
        "auth_basic off",
        "allow all",
        "set $webstack_page_cache_control no-store",
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
    assert found["geo $webstack_shop_503"] == ["default 1", "192.0.2.0/24 0", "2001:db8::/32 0"]
    # A location does not have the `if` of the one around it.
    for location in ("/", "^~ /static/", f"^~ /static/ > {HASHED}"):
        closed = found[f"server > location {location} > if ($webstack_shop_503)"]
        assert closed == ["error_page 503 /.webstack/maintenance", "return 503"]
    page = found["server > location = /.webstack/maintenance"]
    assert page == [
        "internal",
        "auth_basic off",
        "allow all",
        "set $webstack_page_cache_control no-store",
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
    assert "geo $webstack_a_b_503 {" in site(name="a-b", maintenance=True)


def test_static_files_of_the_release_before_are_found_where_the_live_one_has_none():
    found = read(site(static_fallback={"/static/": "/srv/shop/previous/shop/static/"}))
    include = "include /etc/nginx/webstack/include"
    goes_on = ["recursive_error_pages on", "log_not_found off"]
    ends = ["try_files $uri =404"]
    # The internal ones look each time: what is not at one link any more is at the other one.
    assert found["server > location ^~ /static/"] == [
        "alias /srv/shop/current/shop/static/",
        f"{include}/static.conf",
        "open_file_cache max=500 inactive=20s",
        "open_file_cache_valid 1s",
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
        f"server > location ^~ /a/ > {HIDDEN % 2}",
        f"server > location ^~ /a/ > {HASHED}",
        "server > location ^~ /b/",
        f"server > location ^~ /b/ > {HIDDEN % 2}",
        f"server > location ^~ /b/ > {HASHED}",
    ]
    assert "try_files" not in str(found)
    assert "error_page" not in str(found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (".env", True),
        (".git/config", True),
        ("sub/.git/config", True),
        ("line\n/.env", True),
        (".app-8e0d62a0.js", True),
        (".well-known/.env", True),
        (".well-known/security.txt", False),
        ("sub/.well-known/security.txt", False),
        ("app.css", False),
        ("sub/app..css", False),
    ],
)
@pytest.mark.parametrize("prefix", ["/static/", "/.dot/"])
def test_hidden_files_are_in_no_folder_of_static_files(prefix, name, expected):
    folders = {"static": {prefix: "/srv/a"}, "static_fallback": {prefix: "/srv/b"}}
    found = read(site(**folders))
    # The release before would answer for what the live one refuses.
    for outer in (prefix, f"/.webstack-previous{prefix}", f"/.webstack-again/.webstack-previous{prefix}"):
        inner = [block for block in found if block.startswith(f"server > location ^~ {outer} > ")]
        # The first one that matches counts.
        assert inner == [
            f"server > location ^~ {outer} > {part}" for part in (HIDDEN % (len(outer) - 1), HASHED)
        ]
        assert found[inner[0]] == ["return 404"]
        assert bool(re.search(inner[0].split('"')[1], outer + name)) is expected


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
        'set $webstack_cache_control "${webstack_private}max-age=31536000, immutable"',
    ]
    lines = read(render("include/server.conf.j2"))[""]
    assert {'set $webstack_cache_control ""', "add_header Cache-Control $webstack_cache_control"} <= set(
        lines
    )


@pytest.mark.parametrize("keys", [{"allow": ["10.0.0.0/8"]}, {"basic_auth": {"users": {"a": "b"}}}])
def test_files_that_not_everybody_may_have_are_kept_by_browsers_alone(keys):
    private = 'set $webstack_private "private, "'
    text = site(**keys, methods=["GET"])
    assert private in read(text)["server"]
    # Nothing is set after it.
    assert text.index(private) < text.index("break;")
    assert private not in read(site(deny=["10.0.0.0/8"]))["server"]
    assert 'set $webstack_private ""' in read(render("include/server.conf.j2"))[""]
    for name in ("static", "immutable"):
        (line,) = [line for line in read(render(f"include/{name}.conf.j2"))[""] if "max-age" in line]
        assert line.startswith('set $webstack_cache_control "${webstack_private}max-age=')


@pytest.mark.parametrize("can", [NEW, OLD])
def test_compressed_files_are_served_as_the_host_can(can):
    lines = read(render("include/static.conf.j2", __nginx_can=can))[""]
    assert "gzip_static on" in lines
    assert ("brotli_static on" in lines) is can["brotli_static"]


def test_what_nginx_leads_to_by_itself_is_nowhere_from_outside():
    assert read(render("include/pages.conf.j2"))["location ^~ /.webstack"] == ["return 404"]


def test_a_page_is_no_request_to_be_limited_once_more():
    """A server's `if` holds for internal redirects as well: the page of 405 would be answered by 405."""
    found = site(methods=["GET"], blocked_agents=["sqlmap"])
    assert read(found)[r'server > if ($uri ~ "^/\.webstack")'] == ["break"]
    assert found.index("break;") < found.index("return 405;") < found.index("return 403;")
    # What headers are made of is set before any answer.
    lines = read(render("include/server.conf.j2"))[""]
    assert {'set $webstack_page_cache_control ""', 'set $webstack_retry_after ""'} <= set(lines)


def test_static_files_with_a_release_before_keep_the_pages_of_the_site():
    """An error_page of a location takes those of its server away."""
    pages = {"error_pages": {403: "/p/403.html", 404: "/p/404.html"}}
    found = read(site(static_fallback={"/static/": "/srv/shop/previous/shop/static/"}, **pages))
    assert [line for line in found["server > location ^~ /static/"] if "error_page " in line] == [
        "error_page 404 = /.webstack-previous$uri",
        "error_page 403 /.webstack/403",
    ]


def test_the_health_path_of_each_site_of_a_server_leads_to_its_own_app():
    closed = {"maintenance": {"health": "/healthz"}}
    found = server({**SHOP, **closed}, {**WIKI, "maintenance": {"health": "/wiki/healthz"}})
    assert found["server > location = /healthz"][-1] == "proxy_pass http://webstack_shop"
    assert found["server > location = /wiki/healthz"][-1] == "proxy_pass http://webstack_wiki"
    found = server(SHOP, {**WIKI, "maintenance": {"health": "/wiki/healthz"}})
    assert found["server > location = /wiki/healthz"][-1] == "proxy_pass http://webstack_wiki"
    assert found["server > location / > if ($webstack_shop_503)"]
    # Files alone have no health.
    alone = {"name": "docs", "root": "/srv/docs", "domains": ["docs.example.com"], **closed}
    assert "server > location = /healthz" not in server(alone)


def test_behind_a_proxy_that_ends_tls_the_clients_scheme_counts():
    found = server({**REDIRECTED, **CACHED}, **PROXIES)
    assert found["server > location /"] == [LEADS.replace("$scheme", "$webstack_scheme")]
    key = "proxy_cache_key $webstack_scheme://$host$webstack_port$request_uri"
    assert key in found["server 2 > location /"]
    assert '"scheme":"$webstack_scheme"' in http(SHOP, **PROXIES)


def test_a_proxy_that_ends_tls_may_come_without_it_and_nobody_else():
    found = server({**REDIRECTED, "tls": "acme"}, __nginx_tls_port=":8443", **PROXIES)
    plain = [name for name, lines in found.items() if "listen 80" in lines]
    names = [line for name in plain for line in found[name] if line.startswith("server_name")]
    assert names == ["server_name www.shop.example.com", "server_name shop.example.com"]
    leads = found[f'{plain[1]} > if ($webstack_https = "")']
    assert leads == ["return 308 https://$host:8443$request_uri"]
    assert "expires $webstack_redirect_expires" in found[plain[1]]
    assert "proxy_pass http://webstack_shop" in found[f"{plain[1]} > location /"]
    assert "expires off" in found[f"{plain[1]} > location ^~ /.well-known/acme-challenge/"]
    # Over TLS nobody is led anywhere.
    assert sum("webstack_https" in name for name in found) == 1
    maps = read(http({**SHOP, "tls": "acme"}, **PROXIES))
    peer = "map $webstack_peer:$http_x_forwarded_proto $webstack_https"
    assert maps[peer] == ["default $https", "trusted:https on"]
    assert 'map "$webstack_https:$sent_http_strict_transport_security" $webstack_hsts' in maps


def test_a_method_is_logged_as_it_was_asked_with():
    """A page in the place of an answer to a POST is got by GET."""
    formats = http()
    assert "$request_method" in formats
    assert '"method":"$webstack_method"' in formats
    assert '"$webstack_method $webstack_path $server_protocol"' in formats
    used = 'set $webstack_first_use "$webstack_method $webstack_path"'
    assert used in server({**SHOP, "access_log": "json"})["server"]
