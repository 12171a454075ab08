"""The smallest app there is, for what is deployed from Git onto a TCP socket."""


def app(_environ, start_response):
    """Answer every request with one word."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"tcp\n"]
