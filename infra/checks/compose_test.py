"""infra/compose.yaml: that it is wired as it says."""

import os
import re
import tomllib
import unittest

import yaml

import settings
from clone import ROOT, text

VARIABLE = re.compile(r"\$\$|\$\{([A-Z_]+)(?::-((?:[^{}]|\$\{[^{}]*\})*))?\}")


def filled(value, given: dict[str, str]):
    """As Compose fills in ${NAME:-default}, where a default may hold another; $$ is a dollar."""
    if isinstance(value, dict):
        return {key: filled(inner, given) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, given) for inner in value]
    if not isinstance(value, str):
        return value

    def one(match):
        if match[0] == "$$":
            return "$"
        return given.get(match[1]) or filled(match[2] or "", given)

    done = VARIABLE.sub(one, value)
    assert "${" not in done, f"not understood: {value}"
    return done


def services(**given: str) -> dict:
    return filled(yaml.safe_load(text("infra/compose.yaml")), given)["services"]


class Compose(unittest.TestCase):
    def test_a_zabbix_and_its_token_are_all_that_a_stranger_gives(self):
        updater = services(HEAT_ZABBIX_URL="https://z.example.net", HEAT_ZABBIX_TOKEN="t")["updater"]["environment"]
        given = {name: value for name, value in updater.items() if value is not None}
        self.assertEqual(given["HEAT_ZABBIX_URL"], "https://z.example.net")
        self.assertEqual((given["HEAT_ZABBIX_TOKEN"], given["HEAT_INVENTORY_URL"]), ("t", "zabbix:"))
        self.assertEqual(
            set(given),
            {"HEAT_REDIS_URL", "HEAT_DATABASE_URL", "HEAT_CONFIG", "HEAT_MAP_SEVERITY", "HEAT_ZABBIX_URL", "HEAT_ZABBIX_TOKEN", "HEAT_INVENTORY_URL", "HEAT_LOG"},
        )

    def test_every_setting_is_one_that_the_program_knows(self):
        for name, service in services().items():
            known = {"updater": settings.UPDATER, "migrate": settings.UPDATER, "api-1": settings.API, "api-2": settings.API, "static": settings.STATIC}.get(name)
            if known is not None:
                self.assertLessEqual(set(service["environment"]), known, name)

    def test_what_the_readme_names_is_passed_on(self):
        # Files are mounted by whoever has them; the images say where they listen; the rest is for tuning.
        left_out = {
            "updater": {"HEAT_METRICS_LISTEN", "HEAT_REDIS_PREFIX", "HEAT_HISTORY_DAYS", "HEAT_TICKETS_QUIET"},
            "api": {"HEAT_METRICS_LISTEN", "HEAT_REDIS_PREFIX", "HEAT_LISTEN"},
        }
        for program, service in (("updater", "updater"), ("api", "api-1")):
            rows = re.findall(rf"^\| (`HEAT_[^|]+) \| (?:{program}|both) \|", text("README.md"), re.M)
            named = {name for row in rows for name in re.findall("HEAT_[A-Z_]+", row)}
            self.assertGreater(len(named), 10)
            left = {name for name in named - set(services()[service]["environment"]) if not name.endswith(("_FILE", "_CRON", "_KNOWN_HOSTS"))}
            self.assertEqual(left, left_out[program], "name the setting in infra/compose.yaml, or here why not")

    def test_each_program_comes_into_postgres_as_itself_and_only_migrate_as_the_owner(self):
        passwords = {"HEAT_DATABASE_PASSWORD": "o", "HEAT_API_ROLE_PASSWORD": "a", "HEAT_UPDATER_ROLE_PASSWORD": "u"}
        all = services(**passwords)
        url = {name: service["environment"].get("HEAT_DATABASE_URL") for name, service in all.items() if name in ("migrate", "updater", "api-1", "api-2")}
        api = "postgres://heat_api:a@postgres/heat"
        self.assertEqual(url, {"migrate": "postgres://heat:o@postgres/heat", "updater": "postgres://heat_updater:u@postgres/heat", "api-1": api, "api-2": api})
        configs = filled(yaml.safe_load(text("infra/compose.yaml")), passwords)["configs"]
        mounted = {config["target"]: configs[config["source"]]["content"] for config in all["migrate"]["configs"]}
        environment = all["migrate"]["environment"]
        self.assertEqual(mounted[environment["HEAT_API_ROLE_PASSWORD_FILE"]], "a")
        self.assertEqual(mounted[environment["HEAT_UPDATER_ROLE_PASSWORD_FILE"]], "u")
        for name in ("updater", "api-1", "api-2"):
            self.assertEqual(all[name]["depends_on"]["migrate"], {"condition": "service_completed_successfully"})

    def test_the_simulated_systems_come_with_the_profile_alone_and_are_what_is_read_then(self):
        all = services()
        self.assertEqual([name for name, service in all.items() if "profiles" in service], ["demo"])
        self.assertEqual(all["demo"]["profiles"], ["demo"])
        self.assertEqual(all["updater"]["environment"]["HEAT_ZABBIX_URL"], "http://demo:18081/zabbix")
        simulated = re.search(r'token: "([0-9a-z]+)"\.repeat\((\d+)\)', text("infra/devkit/src/sim/zabbix.rs"))
        self.assertEqual(all["updater"]["environment"]["HEAT_ZABBIX_TOKEN"], simulated[1] * int(simulated[2]))
        self.assertEqual(all["demo"]["ports"], ["127.0.0.1:8090:18080"])

    def test_only_nginx_is_believed_and_only_this_machine_reaches_anything(self):
        for network in ("172.31.251", "10.1.2"):
            all = services(HEAT_NETWORK=network)
            address = {name: s["networks"]["heat"]["ipv4_address"] for name, s in all.items() if isinstance(s["networks"], dict)}
            self.assertEqual(address, {"api-1": f"{network}.11", "api-2": f"{network}.12", "static": f"{network}.10"})
            for name in ("api-1", "api-2"):
                self.assertEqual(all[name]["environment"]["HEAT_TRUSTED_PROXIES"], address["static"])
                self.assertEqual(all[name]["environment"]["HEAT_PUBLIC_URL"], "http://127.0.0.1:8080")
            replicas = all["static"]["environment"]["HEAT_NGINX_API"].split()
            self.assertEqual(replicas, [f"{address['api-1']}:8081", f"{address['api-2']}:8081"])
            for name, service in all.items():
                for port in service.get("ports", []):
                    self.assertTrue(port.startswith("127.0.0.1:"), name)

    def test_heat_s_own_containers_have_no_rights_and_no_file_system_to_write_to(self):
        for name, service in services().items():
            if name != "postgres":
                with self.subTest(name):
                    self.assertIs(service["read_only"], True)
                    self.assertEqual(service["cap_drop"], ["ALL"])
        self.assertEqual(services()["updater"]["tmpfs"], ["/tmp"])
        self.assertEqual(services()["static"]["tmpfs"], ["/run/heat:uid=10001,gid=10001"])

    def test_what_is_named_is_there(self):
        whole = yaml.safe_load(text("infra/compose.yaml"))
        for name, service in services().items():
            build = service.get("build")
            if build:
                self.assertTrue((ROOT / "infra" / build["context"] / build["dockerfile"]).is_file(), name)
            self.assertLessEqual(set(service.get("depends_on", [])), set(whole["services"]))
            self.assertLessEqual(set(service["networks"]), set(whole["networks"]))
        self.assertEqual(services()["api-1"]["volumes"], ["./compose/heat.toml:/etc/heat/heat.toml:ro"])
        self.assertEqual(tomllib.loads(text("infra/compose/heat.toml")), {"groups": {"*": "operator"}})
        identity = services()["static"]["environment"]["HEAT_NGINX_IDENTITY"]
        self.assertTrue((ROOT / f"infra/nginx/heat/identity-{identity}.conf").is_file())

    def test_redis_is_the_one_that_is_deployed_and_sends_notifications(self):
        redis = services()["redis"]
        self.assertIn(f"${{HEAT_REDIS_TAG:-{redis['image'].removeprefix('redis:')}}}", text("infra/deploy.sh"))
        self.assertEqual(redis["command"][redis["command"].index("--notify-keyspace-events") + 1], "Kh$")


if __name__ == "__main__":
    unittest.main()
