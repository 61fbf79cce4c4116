"""What the programs of the running stack export, against the manual. HEAT_TEST_STACK is the stack's folder."""

import json
import os
import re
import unittest
import urllib.request
from pathlib import Path

from clone import text

ROWS = re.findall(r"^\| `(heat_[a-z0-9_]+)` \| (\w+) \| ([\w-]+) \|", text("infra/OPERATIONS.md"), re.M)
# There from the start, whatever happens; the others come with their first value.
ALWAYS = {"heat-api": "heat_api_revision", "heat-updater": "heat_updater_working"}


class Stack(unittest.TestCase):
    def setUp(self):
        self.ports = json.loads((Path(os.environ["HEAT_TEST_STACK"]) / "ports.json").read_text())

    def get(self, port: int, path: str) -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read().decode()

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


if __name__ == "__main__":
    unittest.main()
