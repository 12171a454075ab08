"""The two apps of the tests, and the hosts' turns."""

pytest_plugins = ["pair", "files_in_turn"]
