"""Metrics, alerts and the dashboard. That the manual's table of metrics is what the programs export is a test of the crates
`heat-handlers` and `heat-jobs`; here everything else is held to that table."""

import json
import re
import subprocess
import unittest

import yaml

from clone import ROOT, text

MANUAL = text("infra/OPERATIONS.md")
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in MANUAL.splitlines() if line.startswith("| `heat_")]
KIND = {name.strip("`"): kind for name, kind, *_ in ROWS}
LABELS = {name.strip("`"): set(re.findall(r"`([a-z_]+)`", labels)) for name, _, _, labels, _ in ROWS}
# What Prometheus adds itself.
ADDED = {"instance", "job", "le"}

RULES = [rule for group in yaml.safe_load(text("infra/prometheus/heat.rules.yaml"))["groups"] for rule in group["rules"]]
DASHBOARD = json.loads(text("infra/grafana/heat.json"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TESTS = ["infra/prometheus/heat.rules.test.yaml", "infra/prometheus/heat.rules.week.test.yaml"]


def expressions() -> dict[str, str]:
    """Every query, by where it stands."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in RULES}
    for panel in PANELS:
        for target in panel["targets"]:
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return found


class Watching(unittest.TestCase):
    def test_every_query_is_about_metrics_and_labels_that_exist(self):
        for where, query in expressions().items():
            with self.subTest(where):
                named = re.findall(r"\bheat_[a-z0-9_]+", query)
                self.assertTrue(named)
                for name in named:
                    family = re.sub("_(bucket|sum|count)$", "", name)
                    if KIND.get(family) == "histogram":
                        self.assertNotEqual(name, family, "a histogram is asked for by its parts")
                    else:
                        self.assertIn(name, KIND, "no program exports it")
                labels = {label for name in named for label in LABELS.get(re.sub("_(bucket|sum|count)$", "", name), set())}
                for clause in re.findall(r"(?:by|on)\s*\(([^)]*)\)", query):
                    self.assertLessEqual({label.strip() for label in clause.split(",")}, labels | ADDED)
                for matcher in re.findall(r"\{([^}]*)\}", query):
                    self.assertLessEqual(set(re.findall(r"([a-z_]+)\s*(?:=|!=|=~|!~)\"", matcher)), labels | ADDED)

    def test_a_counter_is_only_looked_at_by_its_rate_and_a_gauge_never(self):
        for where, query in expressions().items():
            rated = set(re.findall(r"(?:rate|increase)\((heat_[a-z0-9_]+)", query))
            for name in rated:
                self.assertIn(KIND.get(re.sub("_bucket$", "", name)), ("counter", "histogram"), where)
            for name in set(re.findall(r"\bheat_[a-z0-9_]+_total", query)) - rated:
                self.fail(f"{where}: {name} without a rate")

    def test_what_only_one_updater_knows_is_asked_of_that_one(self):
        for where, query in expressions().items():
            flat = " ".join(query.split())
            if re.search(r"heat_(source_(up|events|fetched|late|stale)|snapshot_size|snapshot_events|snapshot_unplaced|templates_(failing|rejected))", flat):
                self.assertIn("heat_updater_working == 1", flat, where)
            if re.search(r"heat_(outbox_(pending|failed|waiting)|tracker_up)", flat):
                self.assertIn("heat_outbox_delivering == 1", flat, where)

    def test_every_alert_says_what_it_means_and_what_to_do(self):
        sections = dict(re.findall(r"^### (Heat\w+)\n(.+?)(?=^#|\Z)", MANUAL, re.M | re.S))
        self.assertEqual(sorted(sections), sorted(rule["alert"] for rule in RULES))
        for rule in RULES:
            with self.subTest(rule["alert"]):
                self.assertIn("**Do**", sections[rule["alert"]])
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                self.assertEqual(rule["annotations"]["runbook"], f"OPERATIONS.md#{rule['alert'].lower()}")
                self.assertTrue(rule["annotations"]["summary"])

    def test_every_alert_is_seen_to_fire_and_to_be_silent(self):
        cases = [case for path in TESTS for test in yaml.safe_load(text(path))["tests"] for case in test["alert_rule_test"]]
        for rule in RULES:
            mine = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]]
            self.assertEqual(set(mine), {True, False}, rule["alert"])

    def test_the_alerts_do_as_their_tests_say(self):
        for command in (["check", "rules", "infra/prometheus/heat.rules.yaml"], ["test", "rules", *TESTS]):
            done = subprocess.run(["promtool", *command], cwd=ROOT, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_dashboard_can_be_imported(self):
        self.assertEqual(len({panel["id"] for panel in DASHBOARD["panels"]}), len(DASHBOARD["panels"]))
        taken = set()
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertLessEqual(at["x"] + at["w"], 24)
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        sources = {target["datasource"]["uid"] for panel in PANELS for target in panel["targets"]}
        self.assertEqual(sources, {"${datasource}"}, "each site has a Prometheus of its own")

    def test_links_within_the_manual_lead_somewhere(self):
        headings = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in MANUAL.splitlines() if line.startswith("#")}
        for anchor in re.findall(r"\]\(#([^)]+)\)", MANUAL):
            self.assertIn(anchor, headings)
        for path in re.findall(r"`(infra/[^`\s*]+)`", MANUAL):
            self.assertTrue((ROOT / path).exists(), path)


if __name__ == "__main__":
    unittest.main()
