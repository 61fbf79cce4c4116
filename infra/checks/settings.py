"""The settings that Heat's programs and the nginx image know, from their sources."""

import re

from clone import files, text


def of(*folders: str) -> set[str]:
    """The environment variables of the programs whose arguments are declared in these folders."""
    known = set()
    for path in files():
        if path.endswith(".rs") and path.startswith(folders):
            known |= set(re.findall(r'env = "(HEAT_[A-Z_]+)"', text(path)))
    return known


API = of("lib/src/", "handlers/src/")
UPDATER = of("lib/src/", "jobs/src/")
STATIC = set(re.findall(r"HEAT_NGINX_[A-Z]+", text("infra/docker/serve-page")))
