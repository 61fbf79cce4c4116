"""The Kubernetes manifests: by their schema, and by what Heat promises about itself."""

import json
import re
import shutil
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

import kubernetes_validate
import yaml

import kustomize
import settings
from clone import ROOT, files, text
from page_test import free_port

OVERLAYS = ROOT / "infra/kubernetes/overlays"
# The oldest and the newest of the clusters that are thought of.
VERSIONS = ["1.28", "1.37"]
KNOWN = {"heat-api": settings.API, "heat-updater": settings.UPDATER, "heat-static": settings.STATIC}


def named(objects: list[dict], kind: str) -> dict[str, dict]:
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}


def pods(objects: list[dict]) -> dict[str, dict]:
    return {o["metadata"]["name"]: o["spec"]["template"] for o in objects if o["kind"] in ("Deployment", "Job")}


class Kubernetes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.environments = {name: kustomize.build(OVERLAYS / name) for name in ("dev", "prod")}

    def test_every_object_keeps_to_its_schema(self):
        for objects in self.environments.values():
            for item in objects:
                for version in VERSIONS:
                    with self.subTest(item["kind"], name=item["metadata"]["name"], version=version):
                        kubernetes_validate.validate(item, version, strict=True)

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is not installed")
    def test_kustomize_itself_makes_the_same_objects(self):
        def comparable(objects):
            return sorted(re.sub(r"(heat-(?:api|static|tables|updater))-[a-z0-9]{10}\b", r"\1", json.dumps(o, sort_keys=True)) for o in objects)

        for name, objects in self.environments.items():
            made = subprocess.run(["kubectl", "kustomize", OVERLAYS / name], check=True, capture_output=True, text=True)
            self.assertEqual(comparable(yaml.safe_load_all(made.stdout)), comparable(objects))

    def test_the_environments_differ_in_values_alone(self):
        def shape(value):
            if isinstance(value, dict):
                return {key: shape(inner) for key, inner in value.items()}
            if isinstance(value, list):
                return [shape(inner) for inner in value]
            return type(value).__name__

        def plain(path):
            if path.suffix == ".env":
                lines = path.read_text().splitlines()
                return [line.split("=")[0] if not line.startswith("#") else line for line in lines]
            if path.suffix == ".toml":
                return sorted(tomllib.loads(path.read_text()))
            return shape(yaml.safe_load(path.read_text()))

        dev, prod = ({path.name: plain(path) for path in (OVERLAYS / name).iterdir()} for name in ("dev", "prod"))
        self.assertEqual(dev, prod)
        kinds = [sorted((o["kind"], re.sub("-[a-z0-9]{10}$", "", o["metadata"]["name"])) for o in objects) for objects in self.environments.values()]
        self.assertEqual(*kinds)

    def test_a_setting_is_one_that_the_program_knows(self):
        for objects in self.environments.values():
            maps = named(objects, "ConfigMap")
            for name, pod in pods(objects).items():
                for container in pod["spec"]["containers"]:
                    given = {variable["name"] for variable in container.get("env", [])}
                    for source in container.get("envFrom", []):
                        more = set(maps[source["configMapRef"]["name"]]["data"])
                        self.assertFalse(given & more, "said twice")
                        given |= more
                    unknown = given - KNOWN.get(name, settings.UPDATER)
                    self.assertEqual(unknown, set(), name)

    def test_secrets_are_referred_to_and_stand_nowhere(self):
        for path in files():
            if path.startswith("infra/kubernetes/"):
                self.assertNotIn("kind: Secret", text(path))
                for line in text(path).splitlines():
                    self.assertNotRegex(line, r"(?i)(password|token)[=:]\s*[^\s{]*[a-z0-9]{12}", path)
                    self.assertNotRegex(line, r"://[^/\s]*:[^/\s]*@", path)
        for objects in self.environments.values():
            for name, pod in pods(objects).items():
                for container in pod["spec"]["containers"]:
                    for variable in container.get("env", []):
                        self.assertIn("value", variable, "a secret in the environment is seen by whoever may describe the pod")

    def test_a_replica_holds_no_secret_of_an_upstream_system_and_reaches_none(self):
        for objects in self.environments.values():
            volumes = pods(objects)["heat-api"]["spec"]["volumes"]
            secrets = [v["secret"] for v in volumes if "secret" in v]
            self.assertEqual([s["secretName"] for s in secrets], ["heat-stores"])
            self.assertEqual({item["key"] for item in secrets[0]["items"]}, {"redis-url", "api-database-url"})
            egress = named(objects, "NetworkPolicy")["heat-api"]["spec"]["egress"]
            self.assertEqual({port["port"] for rule in egress for port in rule["ports"]}, {6379, 5432})

    def test_every_pod_is_without_rights_and_without_a_file_system_to_write_to(self):
        for objects in self.environments.values():
            self.assertEqual(set(pods(objects)), {"heat-api", "heat-migrate", "heat-redis", "heat-static", "heat-updater"})
            for name, pod in pods(objects).items():
                with self.subTest(name):
                    spec = pod["spec"]
                    self.assertIs(spec["securityContext"]["runAsNonRoot"], True)
                    self.assertIs(spec["automountServiceAccountToken"], False)
                    for container in spec["containers"]:
                        context = container["securityContext"]
                        self.assertIs(context["readOnlyRootFilesystem"], True)
                        self.assertIs(context["allowPrivilegeEscalation"], False)
                        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                        self.assertIn("memory", container["resources"]["limits"])
                        mounted = {mount["name"] for mount in container["volumeMounts"]}
                        self.assertEqual(mounted, {volume["name"] for volume in spec["volumes"]})

    def test_redis_starts_as_it_is_told_with_its_password_in_no_list_of_processes(self):
        container = pods(self.environments["prod"])["heat-redis"]["spec"]["containers"][0]
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "password").write_text("secret-of-redis\n")
            script = container["args"][0].replace("/run/secrets/heat/redis-password", f"{folder}/password")
            script = script.replace("dir /tmp\n", f"dir {folder}\nport {port}\nbind 127.0.0.1\n")
            redis = subprocess.Popen([*container["command"], script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                for line in redis.stdout:
                    if "Ready to accept connections" in line:
                        break
                listed = Path(f"/proc/{redis.pid}/cmdline").read_text()
                self.assertTrue(listed.startswith("redis-server"), listed)
                self.assertNotIn("secret-of-redis", listed)

                def ask(*words):
                    command = ["redis-cli", "-p", str(port), "--no-auth-warning", *words]
                    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

                self.assertIn("NOAUTH", ask("ping"))
                said = {word: ask("-a", "secret-of-redis", "config", "get", word)[1:] for word in ("notify-keyspace-events", "save", "maxmemory-policy")}
                self.assertEqual(set(said["notify-keyspace-events"][0]), set("Kh$"))
                self.assertEqual((said["save"], said["maxmemory-policy"]), ([], ["noeviction"]))
            finally:
                redis.terminate()
                redis.communicate()

    def test_in_production_no_image_changes_under_a_pod_nor_needs_the_registry_to_start_again(self):
        for name, pod in pods(self.environments["prod"]).items():
            for container in pod["spec"]["containers"]:
                self.assertNotIn(container["image"].rsplit(":")[-1], ("latest", "release"), name)
                # By default a version that a machine has is not asked for again.
                self.assertNotIn("imagePullPolicy", container)

    def test_what_serves_survives_the_loss_of_a_machine_and_a_roll_out(self):
        prod = self.environments["prod"]
        for name in ("heat-api", "heat-static", "heat-updater"):
            with self.subTest(name):
                deployment = named(prod, "Deployment")[name]
                self.assertGreaterEqual(deployment["spec"]["replicas"], 2)
                self.assertEqual(named(prod, "PodDisruptionBudget")[name]["spec"]["maxUnavailable"], 1)
                spec = deployment["spec"]["template"]["spec"]
                self.assertEqual(spec["topologySpreadConstraints"][0]["topologyKey"], "kubernetes.io/hostname")
                container = spec["containers"][0]
                ports = {port["name"] for port in container["ports"]}
                for probe in ("livenessProbe", "readinessProbe"):
                    self.assertIn(container[probe]["httpGet"]["port"], ports)
        api = named(prod, "Deployment")["heat-api"]["spec"]["template"]["spec"]["containers"][0]
        # A dead store must neither restart replicas nor empty the load balancer of those that have a picture.
        self.assertEqual(api["livenessProbe"]["httpGet"]["path"], "/healthz")
        self.assertEqual(api["readinessProbe"]["httpGet"]["path"], "/readyz")

    def test_the_steps_of_an_upgrade_apply_all_that_a_program_needs_before_it_and_replicas_before_updaters(self):
        steps = re.search(r"## Upgrade\n(.+?)\n## ", text("infra/OPERATIONS.md"), re.S)[1]
        parts = re.search(r"for part in (.+); do", steps)[1].split()
        self.assertEqual(parts, ["migrate", "api", "updater", "static"])
        self.assertLess(steps.index("-l app.kubernetes.io/component=configuration"), steps.index("for part in"))
        for objects in self.environments.values():
            for item in named(objects, "ConfigMap").values():
                self.assertEqual(item["metadata"]["labels"]["app.kubernetes.io/component"], "configuration")
            for kind in ("Deployment", "Job", "Service", "PodDisruptionBudget", "Ingress"):
                for name, item in named(objects, kind).items():
                    label = item["metadata"]["labels"]["app.kubernetes.io/name"]
                    self.assertIn(label.removeprefix("heat-"), [*parts, "redis"], f"{kind} {name}")

    def test_whoever_selects_pods_finds_them_and_the_ports_are_theirs(self):
        for objects in self.environments.values():
            labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects).items()}

            def found(selector):
                wanted = selector.get("matchLabels", {})
                rules = selector.get("matchExpressions", [])
                return {
                    name for name, has in labels.items()
                    if wanted.items() <= has.items() and all(has.get(rule["key"]) in rule["values"] for rule in rules)
                }

            for item in objects:
                selectors = []
                if item["kind"] == "Service":
                    selectors = [{"matchLabels": item["spec"]["selector"]}]
                    ports = {p["name"] for c in pods(objects)[item["metadata"]["name"]]["spec"]["containers"] for p in c["ports"]}
                    self.assertLessEqual({port["targetPort"] for port in item["spec"]["ports"]}, ports)
                elif item["kind"] in ("Deployment", "PodDisruptionBudget"):
                    selectors = [item["spec"]["selector"]]
                elif item["kind"] == "NetworkPolicy":
                    selectors = [item["spec"]["podSelector"]]
                    for rule in item["spec"].get("ingress", []) + item["spec"].get("egress", []):
                        for peer in rule.get("from", []) + rule.get("to", []):
                            if "podSelector" in peer and "namespaceSelector" not in peer:
                                selectors.append(peer["podSelector"])
                for selector in selectors:
                    self.assertTrue(found(selector), f"{item['kind']} {item['metadata']['name']}: {selector} finds nothing")
            closed = named(objects, "NetworkPolicy")["heat-closed"]["spec"]
            self.assertEqual(found(closed["podSelector"]), set(labels), "a pod that no policy closes")


if __name__ == "__main__":
    unittest.main()
