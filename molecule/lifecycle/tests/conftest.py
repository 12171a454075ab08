"""The two apps of the tests."""

pytest_plugins = ["pair"]
