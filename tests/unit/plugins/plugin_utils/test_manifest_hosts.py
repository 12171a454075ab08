"""What the validator says where the manifests of several hosts meet."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.errors import AnsibleError
from ansible_collections.webstack.python.plugins.plugin_utils import _manifest

UNREACHABLE = 'listen on an address of this host, such as "{{ ansible_host }}:8000"'


class Lazy(Mapping):
    """A mapping that fills in its templates as they are read; here none of them can be."""

    def __init__(self, values, **broken):
        self.values_, self.broken = values, broken

    def __getitem__(self, key):
        if key in self.broken:
            raise AnsibleError(self.broken[key])
        return self.values_[key]

    def __iter__(self):
        return iter([*self.values_, *self.broken])

    def __len__(self):
        return len(self.values_) + len(self.broken)


def shop(**keys):
    return {
        "name": "shop",
        "app": "shop:app",
        "source": {"git": "/srv/shop.git"},
        "listen": "0.0.0.0:8000",
        "nginx": {"domains": ["shop.example.com"]},
        **keys,
    }


def findings(hostvars, host, proxies=("proxy",)):
    """Judge as one host; all hosts that are not proxies run apps, unless they say otherwise."""
    app_hosts = [name for name in hostvars if name.startswith("app")]
    own = hostvars[host].get("python_apps", []) if isinstance(hostvars[host], dict) else []
    return _manifest.manifest_findings(hostvars, host, app_hosts, list(proxies), own, "/")


def test_hosts_that_share_a_list_have_no_findings():
    hostvars = {"app1": {"python_apps": [shop()]}, "app2": {"python_apps": [shop()]}, "proxy": {}}
    assert [findings(hostvars, host) for host in hostvars] == [[], [], []]


def test_threads_are_judged_by_the_class_of_each_host():
    apps = {"python_apps": [shop(gunicorn={"threads": 8})]}
    hostvars = {"app1": apps, "app2": {**apps, "gunicorn_worker_class": "sync"}, "proxy": {}}
    assert [findings(hostvars, host) for host in ("app1", "app2")] == [
        [],
        [
            "python_apps[0] (shop): gunicorn: gunicorn_worker_class sync has no threads; "
            "remove threads, or use gthread"
        ],
    ]


def test_class_that_is_wrong_or_unreadable_is_a_finding_of_its_own_alone():
    apps = {"python_apps": [shop(gunicorn={"threads": 8, "worker_class": "tornado"})]}
    (finding,) = findings({"app1": apps, "proxy": {}}, "app1")
    assert finding.startswith("python_apps[0] (shop): gunicorn.worker_class: 'tornado' is not known")
    unreadable = Lazy({"python_apps": []}, gunicorn_worker_class="'x' is undefined")
    assert findings({"app1": unreadable, "proxy": {}}, "app1") == []


def test_one_app_has_one_site():
    hostvars = {
        "app1": {"python_apps": [shop()]},
        "app2": {"python_apps": [shop(nginx={"domains": ["other.example.com"]})]},
        "proxy": {},
    }
    message = (
        "python_apps[0] (shop): nginx: differs from that on app1; give the app the same section on every host"
    )
    assert findings(hostvars, "app1") == []
    assert findings(hostvars, "app2") == [message]
    assert findings(hostvars, "proxy") == [f"app2: {message}"]


def test_a_domain_belongs_to_one_app_on_all_hosts_of_a_proxy():
    hostvars = {
        "app1": {"python_apps": [shop()]},
        "app2": {"python_apps": [shop(name="blog")]},
        "proxy": {},
    }
    message = (
        "python_apps[0] (blog): nginx.domains: shop.example.com is already used by 'shop'; "
        "give each app its own domains or its own path"
    )
    assert findings(hostvars, "app2") == [message]
    assert findings(hostvars, "proxy") == [f"app2: {message}"]


def test_one_app_of_a_proxy_may_answer_every_name():
    hostvars = {
        "app1": {"python_apps": [shop(nginx={})]},
        "app2": {"python_apps": [shop(name="blog", nginx={})]},
        "proxy": {},
    }
    assert findings(hostvars, "app2") == [
        "python_apps[0] (blog): nginx.domains: has none, so it would answer every name, as 'shop' already "
        "does; give each app its own domains or its own path"
    ]


def test_apps_that_no_proxy_serves_may_all_be_without_domains():
    hostvars = {"app1": {"python_apps": [shop(nginx={}), shop(name="blog", nginx={}, listen="unix")]}}
    assert findings(hostvars, "app1", proxies=()) == []


def test_an_address_belongs_to_one_host():
    hostvars = {
        "app1": {"python_apps": [shop(listen="10.0.0.1:8000")]},
        "app2": {"python_apps": [shop(listen="10.0.0.1:8000")]},
        "proxy": {},
    }
    assert findings(hostvars, "app2") == [
        f"python_apps[0] (shop): listen: 10.0.0.1 belongs to app1 already; {UNREACHABLE}"
    ]


def test_a_proxy_on_another_host_must_reach_the_app():
    def on_app1(**keys):
        variables = {"python_apps": [shop(**keys)], "ansible_host": keys.pop("address", "10.0.0.1")}
        return findings({"app1": variables, "proxy": {}}, "app1")

    prefix = "python_apps[0] (shop):"
    assert on_app1() == []
    assert on_app1(listen="unix") == [
        f"{prefix} listen: unix is out of reach for the proxy proxy; {UNREACHABLE}"
    ]
    assert on_app1(listen="[::1]:80") == [
        f"{prefix} listen: [::1]:80 is out of reach for the proxy proxy; {UNREACHABLE}"
    ]
    static = {"domains": ["a.example"], "static": {"/s/": "s"}}
    assert on_app1(nginx=static) == []
    assert on_app1(nginx=static, shared=["s/uploads"]) == [
        f"{prefix} nginx.static: /s/: what is in the shared 's/uploads' changes at any time, and the proxy "
        "proxy has copies of 's'; remove the prefix, the app serves these files"
    ]


def test_an_app_host_must_have_an_address_that_nginx_can_ask():
    hostvars = {"app1": {"python_apps": [shop()], "ansible_host": "app 1;"}, "proxy": {}}
    assert findings(hostvars, "app1") == [
        "python_apps[0] (shop): listen: the proxy proxy would ask 'app 1;:8000'; "
        "set webstack_address for app1"
    ]


def test_a_proxy_says_once_what_its_app_hosts_share():
    listed = [shop(nginx={"domains": ["https://x"]}), 5]
    hostvars = {"app1": {"python_apps": listed}, "app2": {"python_apps": listed}, "proxy": {}}
    assert findings(hostvars, "proxy") == [
        "app1: python_apps[0] (shop): nginx.domains: 'https://x' is not a host name; write names without "
        "scheme, port and path, such as [shop.example.com]",
        'app1: python_apps[1]: must be a mapping, not a number; write "- name: shop" and its keys below',
    ]


def test_a_proxy_reads_no_secret_of_an_app_host():
    app = Lazy(shop(), env="never to be read")
    assert findings({"app1": {"python_apps": [app]}, "proxy": {}}, "proxy") == []


def test_a_proxy_is_not_emptied_while_there_are_apps():
    hostvars = {"app1": {"python_apps": [shop()]}, "proxy": {"nginx_sites": [], "nginx_app_hosts": []}}
    assert findings(hostvars, "proxy") == [
        "nginx_sites: is empty, while the app hosts have shop; remove it from the inventory",
        "nginx_app_hosts: names no host with apps, while the app hosts have shop; "
        "remove it from the inventory",
    ]


def test_a_manifest_that_only_the_proxy_has_is_misplaced():
    hostvars = {"app1": {}, "proxy": {"python_apps": [shop()]}}
    assert findings(hostvars, "proxy") == [
        "python_apps: is set for this proxy, but for no app host; set it for the group app_servers"
    ]


def test_removing_the_last_app_empties_the_proxy():
    hostvars = {"app1": {"python_apps": [{"name": "shop", "state": "absent"}]}, "proxy": {}}
    assert [findings(hostvars, host) for host in hostvars] == [[], []]


def test_a_template_without_a_value_is_a_finding_that_names_host_and_cause():
    app = Lazy(shop(), requirements="'wanted' is undefined", python="the lookup failed")
    app.values_["env"] = Lazy({"OK": "x"}, KEY="'vault_key' is undefined", URL="hunter2 is no URL")
    del app.values_["nginx"]
    hostvars = {"app1": {"python_apps": [app]}}
    assert findings(hostvars, "app1", proxies=["app1"]) == [
        "python_apps[0] (shop): env.KEY: has no value on app1: 'vault_key' is undefined; "
        "define what its template needs",
        "python_apps[0] (shop): env.URL: has no value on app1: its template fails; "
        "define what its template needs",
        "python_apps[0] (shop): requirements: has no value on app1: 'wanted' is undefined; "
        "define what its template needs",
        "python_apps[0] (shop): python: has no value on app1: the lookup failed; "
        "define what its template needs",
    ]


def test_a_manifest_without_a_value_is_a_finding_of_its_host_and_its_proxies():
    hostvars = {"app1": Lazy({}, python_apps="[{'key': 'hunter2'}]: 'wanted' is undefined"), "proxy": {}}
    message = "python_apps: has no value on app1: 'wanted' is undefined; define what its template needs"
    assert findings(hostvars, "proxy") == [f"app1: {message}"]


def test_ports_of_nginx_are_taken_where_a_host_is_its_own_proxy():
    def judge(listen, **variables):
        app = shop(listen=listen)
        return _manifest.manifest_findings({"web": variables}, "web", ["web"], ["web"], [app], "/")

    taken = "python_apps[0] (shop): listen: port {} is Nginx's on this host; take another port"
    assert judge("127.0.0.1:80") == [taken.format(80)]
    assert judge("127.0.0.1:8080") == []
    assert judge("127.0.0.1:80", nginx_listen=["8080"]) == []
    assert judge("0.0.0.0:8080", nginx_listen=["192.0.2.1:8080"]) == [taken.format(8080)]
    assert judge("127.0.0.1:8080", nginx_listen=["192.0.2.1:8080"]) == []
    assert judge("unix") == []


def test_how_the_proxies_serve_what_says_nothing_of_tls_is_judged_on_the_app_host():
    hostvars = {"app1": {"python_apps": [shop(nginx={})]}, "proxy": {"nginx_tls": "acme"}}
    assert findings(hostvars, "app1") == [
        "python_apps[0] (shop): nginx.tls: acme needs names to ask a certificate for; write the app's domains"
    ]


def test_certificates_are_left_to_runs_that_use_them():
    hostvars = {"app1": {"python_apps": [shop(nginx={"tls": "acme"})]}, "proxy": {}}
    assert findings(hostvars, "app1") != []
    own = hostvars["app1"]["python_apps"]
    assert (
        _manifest.manifest_findings(hostvars, "app1", ["app1"], ["proxy"], own, "/", certificates=False) == []
    )
