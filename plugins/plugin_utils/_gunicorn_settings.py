# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gunicorn's settings by name: those that data can express, and those that have another place.

KNOWN and HOOKS together are the names in gunicorn.config.KNOWN_SETTINGS of the last release of
23, 24, 25, 26 and 27. A release's own version is asked again before a swap.
"""

from __future__ import annotations

KNOWN = frozenset(
    """
    access_log_format accesslog asgi_disconnect_grace_period asgi_lifespan asgi_loop backlog
    bind ca_certs capture_output casefold_http_method cert_reqs certfile chdir check_config
    ciphers config control_socket control_socket_disable control_socket_mode daemon
    default_proc_name dirty_apps dirty_graceful_timeout dirty_threads dirty_timeout
    dirty_workers disable_redirect_access_to_syslog do_handshake_on_connect dogstatsd_tags
    enable_backlog_metric enable_stdio_inheritance errorlog forwarded_allow_ips
    forwarder_headers graceful_timeout group header_map http2_cleartext
    http2_initial_window_size http2_max_concurrent_streams http2_max_frame_size
    http2_max_header_list_size http_parser http_protocols initgroups keepalive keyfile
    limit_request_field_size limit_request_fields limit_request_line logconfig logconfig_dict
    logconfig_json logger_class loglevel max_requests max_requests_jitter paste
    permit_obsolete_folding permit_unconventional_http_method permit_unconventional_http_version
    pidfile preload_app print_config proc_name protocol proxy_allow_ips proxy_protocol
    pythonpath raw_env raw_paste_global_conf reload reload_engine reload_extra_files reuse_port
    root_path secure_scheme_headers sendfile spew ssl_version statsd_host statsd_prefix
    strip_header_spaces suppress_ragged_eofs syslog syslog_addr syslog_facility syslog_prefix
    threads timeout tmp_upload_dir umask user uwsgi_allow_ips websocket_max_message_size
    worker_class worker_connections worker_tmp_dir workers wsgi_app
    """.split()
)

HOOKS = frozenset(
    """
    child_exit dirty_post_fork dirty_worker_exit dirty_worker_init nworkers_changed
    on_dirty_starting on_exit on_reload on_starting post_fork post_request post_worker_init
    pre_exec pre_fork pre_request ssl_context when_ready worker_abort worker_exit worker_int
    """.split()
)

# Setting to the place that decides it; {gunicorn} is where the list keeps its Gunicorn keys.
OWNED = {
    "bind": "use listen",
    "workers": "use {gunicorn}workers",
    "worker_class": "use {gunicorn}worker_class",
    "threads": "use {gunicorn}threads",
    "timeout": "use {gunicorn}timeout",
    "graceful_timeout": "use {gunicorn}graceful_timeout",
    "raw_env": "use env",
    "wsgi_app": "use app",
    "paste": "use app",
    "raw_paste_global_conf": "use app",
    "chdir": "the app runs in its release",
    "user": "systemd starts the app as its own user",
    "group": "systemd starts the app as its own user",
    "initgroups": "systemd starts the app as its own user",
    "daemon": "systemd watches the process",
    "pidfile": "systemd watches the process",
    "backlog": "systemd holds the socket, with a backlog of 2048",
    "reuse_port": "systemd holds the socket",
    "control_socket": "instances run side by side and would fight for it",
    "control_socket_mode": "instances run side by side and would fight for it",
    "control_socket_disable": "instances run side by side and would fight for it",
    "reload": "a release never changes; deploy the next one",
    "reload_engine": "a release never changes; deploy the next one",
    "reload_extra_files": "a release never changes; deploy the next one",
    "config": "Gunicorn only takes it on its command line",
    "check_config": "Gunicorn only takes it on its command line",
    "print_config": "Gunicorn only takes it on its command line",
}
