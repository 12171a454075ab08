"""What the real nginx thinks of generated manifests: it takes each one that the rules let through."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.unit.roles import front_tree, hostile_sites

COUNT = 200
FOLDER = "/run/fuzz"
# Certificates are another test's: here each site has the same.
CERTIFICATE = re.compile(r"(ssl_certificate(?:_key)?) (?:\"(?:[^\"\\]|\\.)*\"|[^;\"]+);")
# Each tree is nginx's own for the one test; -T reads all that is included.
JUDGE = f"""
cd {FOLDER}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=fuzz \
    -keyout key.pem -out key.pem 2>/dev/null
for number in $(seq 0 {COUNT - 1}); do
    nginx -t -q -c {FOLDER}/$number/nginx.conf -g 'pid {FOLDER}/pid;' > said 2>&1 || {{
        echo "tree $number:"; cat said
    }}
done
"""


@pytest.fixture(scope="module", autouse=True)
def _nginx(front):
    """Nginx is there, with what the role installs beside it."""
    front.deploy().succeeded()


def test_nginx_takes_what_the_rules_let_through(front, tmp_path):
    found = {"debian12": front_tree.DEBIAN_12, "debian13": front_tree.DEBIAN_13}
    host = front.host
    manifests = list(hostile_sites.manifests(COUNT, seed=0))
    debian = found[host.name.rpartition("-")[2]]
    for number, (sites, variables) in enumerate(manifests):
        tree = front_tree.render(sites, debian, quickly=True, **variables)
        texts = {path: CERTIFICATE.sub(rf"\1 {FOLDER}/key.pem;", text) for path, text in tree.items()}
        texts["nginx.conf"] = texts["nginx.conf"].replace("pid /run/nginx.pid;\n", "")
        moved = {path: text.replace("/etc/nginx/", f"{FOLDER}/{number}/") for path, text in texts.items()}
        front_tree.write(moved, tmp_path / str(number))
    host.sh(f"rm -rf {FOLDER}; mkdir {FOLDER}")
    archive = subprocess.run(["tar", "-C", str(tmp_path), "-c", "."], check=True, capture_output=True).stdout
    # Not by `docker cp`, which does not see what is mounted below /run.
    unpack = ["docker", "exec", "-i", host.name, "tar", "-C", FOLDER, "-x"]
    subprocess.run(unpack, input=archive, check=True)
    refused = host.sh(JUDGE)
    host.sh(f"rm -rf {FOLDER}")
    numbers = [int(number) for number in re.findall(r"^tree (\d+):$", refused, re.MULTILINE)]
    assert numbers == [], f"{refused}\n{[manifests[number] for number in numbers[:3]]}"


def test_nginx_refuses_what_is_broken(front):
    """The judge can refuse: a tree with a stray brace."""
    broken = f"mkdir {FOLDER} && echo 'events {{ }} }}' > {FOLDER}/nginx.conf"
    said = front.host.sh(f"{broken}; nginx -t -q -c {FOLDER}/nginx.conf 2>&1; rm -r {FOLDER}")
    assert 'unexpected "}"' in said
