"""What a user reads when nginx refuses something."""

from __future__ import annotations

from ansible_collections.webstack.python.plugins.module_utils import _nginx_complaints

REFUSAL = """\
2026/11/21 08:35:25 [warn] 233#233: conflicting server name "a" on 0.0.0.0:80, ignored
2026/11/21 08:35:25 [emerg] 233#233: unknown directive "proxy_passs" in /etc/nginx/webstack/sites/shop.conf:2
nginx: configuration file /etc/nginx/nginx.conf test failed
"""


def test_messages_lose_time_and_process():
    assert _nginx_complaints.messages(REFUSAL, "emerg") == [
        '[emerg] unknown directive "proxy_passs" in /etc/nginx/webstack/sites/shop.conf:2'
    ]
    assert _nginx_complaints.messages(REFUSAL, "warn") == [
        '[warn] conflicting server name "a" on 0.0.0.0:80, ignored'
    ]


def test_refused_line_is_quoted_from_the_staged_tree(tmp_path):
    (tmp_path / "webstack/sites").mkdir(parents=True)
    (tmp_path / "webstack/sites/shop.conf").write_text("server {\n    proxy_passs http://x;\n}\n")
    assert _nginx_complaints.quote_lines(REFUSAL, tmp_path) == [
        "/etc/nginx/webstack/sites/shop.conf:2: proxy_passs http://x;"
    ]


def test_line_that_cannot_be_read_is_not_quoted(tmp_path):
    assert _nginx_complaints.quote_lines(REFUSAL, tmp_path) == []


def test_listen_directives_of_a_taken_port_are_quoted():
    files = {
        "http.conf": "server {\n    listen 80 default_server;\n    listen [::]:80 default_server;\n}\n",
        "sites/shop.conf": "server {\n    listen 127.0.0.1:80;\n    listen *:80;\n    listen 8080;\n}\n",
    }
    complaint = "[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n" * 5
    assert _nginx_complaints.quote_listens(complaint, files) == [
        "/etc/nginx/webstack/http.conf:2: listen 80 default_server;",
        "/etc/nginx/webstack/sites/shop.conf:3: listen *:80;",
    ]


def test_listen_directive_of_an_address_is_quoted_alone():
    files = {"http.conf": "listen 80;\nlisten [::]:80;\n"}
    complaint = "[emerg] bind() to [::]:80 failed (98: Address already in use)"
    assert _nginx_complaints.quote_listens(complaint, files) == [
        "/etc/nginx/webstack/http.conf:2: listen [::]:80;"
    ]
