"""What the programs of the running stack export, against the manual. HEAT_TEST_STACK is the stack's folder."""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

from clone import ROOT, text
from compose_test import services
from page_test import free_port

ROWS = re.findall(r"^\| `(heat_[a-z0-9_]+)` \| (\w+) \| ([\w-]+) \|", text("infra/OPERATIONS.md"), re.M)
# There from the start, whatever happens; the others come with their first value.
ALWAYS = {"heat-api": "heat_api_revision", "heat-updater": "heat_updater_working"}


def can_take_rights_away() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


class Stack(unittest.TestCase):
    def setUp(self):
        self.ports = json.loads((Path(os.environ["HEAT_TEST_STACK"]) / "ports.json").read_text())

    def ask(self, request) -> tuple[int, str]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, port: int, path: str) -> str:
        status, body = self.ask(f"http://127.0.0.1:{port}{path}")
        self.assertEqual(status, 200, body)
        return body

    def test_every_program_exports_what_the_manual_says_and_nothing_else(self):
        listeners = {name: port for name, port in self.ports.items() if name == "heat-updater" or name.endswith("-metrics")}
        self.assertGreaterEqual(len(listeners), 3, self.ports)
        for name, port in listeners.items():
            program = "heat-updater" if name == "heat-updater" else "heat-api"
            documented = {metric: kind for metric, kind, of in ROWS if of == program}
            scrape = self.get(port, "/metrics")
            self.assertTrue(scrape.endswith("# EOF\n"))
            self.assertIn(f"\n{ALWAYS[program]} ", scrape)
            for family, kind in re.findall(r"^# TYPE (\S+) (\w+)$", scrape, re.M):
                metric = f"{family}_total" if kind == "counter" else family
                self.assertEqual(documented.get(metric), kind, f"{metric} of {name}")
            self.assertEqual(self.get(port, "/healthz"), "ok\n")

    def test_the_stack_is_as_well_as_the_alerts_want_it(self):
        updater = self.get(self.ports["heat-updater"], "/metrics")
        self.assertIn("\nheat_updater_working 1\n", updater)
        up = dict(re.findall(r'^heat_source_up\{source="([^"]+)"\} (\d)$', updater, re.M))
        self.assertEqual(up, {"zabbix": "1", "juggler": "1", "inventory": "1"})
        self.assertIn("\nheat_outbox_delivering 1\n", updater)
        self.assertIn("\nheat_tracker_up 1\n", updater)
        for name, port in self.ports.items():
            if name.endswith("-metrics"):
                self.assertRegex(self.get(port, "/metrics"), r"\nheat_api_revision [1-9]\d{12}\n")

    def start(self, command: list, env: dict[str, str]):
        known = {name: value for name, value in os.environ.items() if not name.startswith("HEAT_")}
        process = subprocess.Popen(command, env=known | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

    @unittest.skipUnless(can_take_rights_away(), "only root can take the file system away")
    def test_the_programs_run_as_in_their_images_without_rights_and_without_a_file_system_to_write_to(self):
        api, page = free_port(), free_port()
        demo = services()["updater"]["environment"]
        # An updater beside that of the stack needs a database and a prefix of its own.
        server, database = f"postgres://heat@127.0.0.1:{self.ports['postgres']}", f"without_rights_{os.getpid()}"

        def sql(statement: str):
            subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", f"{server}/postgres", "-c", statement], check=True)

        sql(f"create database {database}")
        self.addCleanup(sql, f"drop database {database} with (force)")
        env = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "HEAT_REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}",
            "HEAT_REDIS_PREFIX": "without-rights",
            "HEAT_DATABASE_URL": f"{server}/{database}",
            "HEAT_AUTH": "off",
            "HEAT_LISTEN": f"127.0.0.1:{api}",
            "HEAT_NGINX_FROM": "/mnt/infra/nginx",
            "HEAT_NGINX_STATIC": "/mnt/static/dist",
            "HEAT_NGINX_LISTEN": f"127.0.0.1:{page}",
            "HEAT_NGINX_API": f"127.0.0.1:{api}",
            "HEAT_NGINX_IDENTITY": "off",
            # A stranger's own Zabbix, and nothing else.
            "HEAT_ZABBIX_URL": f"http://127.0.0.1:{self.ports['zabbix']}/zabbix",
            "HEAT_ZABBIX_TOKEN": demo["HEAT_ZABBIX_TOKEN"],
            "HEAT_INVENTORY_URL": demo["HEAT_INVENTORY_URL"],
        }
        listeners = [f"{page}/alive", f"{page}/", f"{page}/readyz", f"{page}/api/v1/snapshot"]
        done = subprocess.run(
            ["unshare", "--mount", ROOT / "infra/checks/without-rights", ROOT, *listeners], env=env, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_as_compose_wires_them_whoever_reaches_the_page_is_an_operator_and_no_other_site_writes(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)
        page, api = free_port(), free_port()
        wired = services(HEAT_PORT=str(page), HEAT_CONFIG=str(ROOT / "infra/compose/heat.toml"))
        url = wired["api-1"]["environment"]["HEAT_PUBLIC_URL"]
        here = {
            "HEAT_REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}",
            "HEAT_DATABASE_URL": f"postgres://heat@127.0.0.1:{self.ports['postgres']}/heat",
            "HEAT_CONFIG": wired["api-1"]["volumes"][0].split(":")[0],
            "HEAT_TRUSTED_PROXIES": "127.0.0.1",
            "HEAT_LISTEN": f"127.0.0.1:{api}",
        }
        given = {name: value for name, value in wired["api-1"]["environment"].items() if value is not None}
        self.start([ROOT / "target/debug/heat-api"], given | here)
        self.start([ROOT / "infra/docker/serve-page"], {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "HEAT_NGINX_FROM": str(ROOT / "infra/nginx"),
            "HEAT_NGINX_DATA": f"{folder.name}/run",
            "HEAT_NGINX_STATIC": str(ROOT / "static/dist"),
            "HEAT_NGINX_LISTEN": f"127.0.0.1:{page}",
            "HEAT_NGINX_API": f"127.0.0.1:{api}",
            "HEAT_NGINX_IDENTITY": wired["static"]["environment"]["HEAT_NGINX_IDENTITY"],
        })
        until = time.monotonic() + 30
        while True:
            try:
                status, body = self.ask(f"{url}/api/v1/me")
                if status == 200:
                    break
            except OSError as error:
                status, body = 0, str(error)
            self.assertLess(time.monotonic(), until, f"{status} {body}")
            time.sleep(0.1)
        self.assertEqual(json.loads(body)["role"], "operator", body)
        event = json.loads(self.get(page, "/api/v1/snapshot"))["events"][0]

        def write(method: str, path: str, body: bytes | None, **origin: str) -> tuple[int, str]:
            headers = {"Content-Type": "application/json"} | origin
            return self.ask(urllib.request.Request(f"{url}/api/v1{path}", body, headers, method=method))

        comments, body = f"/events/{quote(event['key'], safe='')}/comments", b'{"text": "Wired"}'
        for origin in ({}, {"Origin": "http://evil.example.net"}):
            self.assertEqual(write("POST", comments, body, **origin)[0], 403, origin)
        status, written = write("POST", comments, body, Origin=url)
        self.assertEqual(status, 201, written)
        # The tests after this one find the stack as it was.
        status, refused = write("DELETE", f"/comments/{json.loads(written)['id']}", None, Origin=url)
        self.assertEqual(status, 204, refused)


if __name__ == "__main__":
    unittest.main()
