#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module webstack.python.nginx_purge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_purge
short_description: Remove answers that nginx keeps for a site
version_added: 0.1.0
description:
  - Removes the files of a site's cache, all of them or those of one URL. nginx then asks the site's app anew,
    without a reload. A site without a cache has none.
  - An answer that is just coming from the app is kept as usual.
options:
  site:
    description: The site's name, which is the app's.
    type: str
    required: true
  url:
    description:
      - The path of a request with its query, such as V(/news?page=2), which is removed for every scheme, name
        and port of the site; or the whole URL, such as V(https://shop.example.com/news), for one. Both as
        visitors send them, without a fragment.
      - Empty for all answers.
    type: str
    default: ""
author: webstack.python contributors (@webstack-python)
attributes:
  check_mode:
    support: full
    description: Can run in check_mode and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in check_mode).
  platform:
    support: full
    platforms: debian
    description: Target OS/families that can be operated against.
"""

EXAMPLES = r"""
- name: Have the news asked for anew
  webstack.python.nginx_purge:
    site: shop
    url: /news
"""

RETURN = r"""
removed:
  description: How many answers were removed, or would be. Each variant by C(Vary) counts.
  type: int
  returned: success
  sample: 2
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils._nginx_caches import Caches, remove

SITE = re.compile(r"[a-z][a-z0-9-]*")
ARGUMENTS = {"site": {"type": "str", "required": True}, "url": {"type": "str", "default": ""}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    site, url = module.params["site"], module.params["url"]
    if not SITE.fullmatch(site):
        module.fail_json(msg=f"{site!r} is not the name of a site")
    try:
        answers = list(Caches().answers(site, url))
        for path in () if module.check_mode else answers:
            remove(path)
    except OSError as error:
        module.fail_json(msg=f"the cache of {site} could not be emptied: {error}")
    module.exit_json(changed=bool(answers), removed=len(answers))


if __name__ == "__main__":
    main()
