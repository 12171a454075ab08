"""Asks a site without a pause and writes down each answer's status, or what came in its place."""

import http.client
import sys
import time

ADDRESS, SITE, ANSWERS = sys.argv[1:]
PAUSE = 0.1  # seconds; few requests leave the host to the run


def ask() -> str:
    """Return the status of one answer, or the error."""
    connection = http.client.HTTPConnection(ADDRESS, 80, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": SITE})
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


while True:
    said = ask()
    with open(ANSWERS, "a") as answers:
        answers.write(f"{said}\n")
    time.sleep(PAUSE)
