"""What is built in that others wrote: licences, bans and sources by deny.toml, one copy of what carries Heat, and a lock file of
npm that says what each package must be. `cargo deny check` asks more; this asks the most important without it."""

import json
import re
import shutil
import subprocess
import tomllib
import unittest
from collections import defaultdict

from clone import ROOT, text

POLICY = tomllib.loads(text("deny.toml"))
# The customer's choice, and what carries weight beside it.
ONCE = [
    "aws-lc-rs", "bytes", "chrono", "deadpool", "deadpool-redis", "diesel", "diesel-async", "http", "hyper", "hyper-util",
    "minijinja", "mysql_async", "redis", "reqwest", "rustls", "sailfish", "serde", "serde_json", "tokio", "tokio-cron-scheduler",
    "tokio-postgres", "tokio-tungstenite", "tokio-util", "tracing", "tungstenite",
]
# What a program's crate must not be built with, neither itself nor by what it uses.
APART = {
    "heat-handlers": ["heat-devkit", "heat-jobs", "reqwest", "tokio-cron-scheduler"],
    "heat-jobs": ["heat-devkit", "heat-handlers", "sailfish", "tokio-tungstenite"],
}
# Of the front end's packages; nearly all of them only build and test.
NPM_LICENCES = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "Python-2.0"}


def tree(*args: str) -> set[tuple[str, str, str]]:
    """What is built, as (name, version, licence)."""
    found = set()
    for target in POLICY["graph"]["targets"]:
        command = ["cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--target", target, "--format", "{p}|{l}", *args]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            if line.strip():
                package, licence = line.replace(" (*)", "").split("|")
                name, version = package.split()[:2]
                found.add((name, version, licence))
    return found


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """An SPDX expression; the older `A/B` means `A OR B`."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either() -> bool:
        value = both()
        while words and words[0] == "OR":
            words.pop(0)
            value = both() or value
        return value

    def both() -> bool:
        value = one()
        while words and words[0] == "AND":
            words.pop(0)
            value = one() and value
        return value

    def one() -> bool:
        word = words.pop(0)
        if word == "(":
            value = either()
            assert words.pop(0) == ")"
            return value
        if words and words[0] == "WITH":
            words.pop(0)
            word = f"{word} WITH {words.pop(0)}"
        return word in allowed

    value = either()
    assert not words, expression
    return value


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # With the tests' own packages too: they are not given on, but they run here.
        cls.built = tree("--workspace", "--edges", "normal,build,dev")

    def test_expressions_of_licences_are_understood(self):
        allowed = {"MIT", "ISC"}
        for expression, expected in {
            "MIT": True, "GPL-3.0": False, "GPL-3.0 OR MIT": True, "GPL-3.0/MIT": True, "MIT AND GPL-3.0": False,
            "MIT AND (GPL-3.0 OR ISC)": True, "(MIT OR X) AND (X OR Y)": False, "MIT WITH Y-exception": False, "X AND MIT OR ISC": True,
        }.items():
            self.assertEqual(is_allowed(expression, allowed), expected, expression)

    def test_every_licence_lets_heat_be_given_on(self):
        allowed = set(POLICY["licenses"]["allow"])
        refused = {f"{name} {version}: {licence}" for name, version, licence in self.built if not licence or not is_allowed(licence, allowed)}
        self.assertEqual(refused, set())

    def test_every_package_comes_from_crates_io_as_it_was_when_it_was_locked(self):
        for package in tomllib.loads(text("Cargo.lock"))["package"]:
            if package["name"] not in ("heat", "heat-handlers", "heat-jobs", "heat-devkit"):
                registries = {f"registry+{url}" for url in POLICY["sources"]["allow-registry"]}
                self.assertIn(package.get("source"), registries, package["name"])
                self.assertRegex(package["checksum"], "^[0-9a-f]{64}$", package["name"])

    def test_nothing_is_built_in_that_is_banned(self):
        banned = {ban["crate"] for ban in POLICY["bans"]["deny"]}
        self.assertEqual({name for name, _, _ in self.built} & banned, set())

    def test_there_is_one_copy_of_what_carries_heat(self):
        versions = defaultdict(set)
        for name, version, _ in self.built:
            versions[name].add(version)
        self.assertEqual({name: versions[name] for name in ONCE if len(versions[name]) != 1}, {})

    def test_the_programs_are_built_apart_from_each_other_and_from_the_devkit(self):
        for crate, others in APART.items():
            self.assertEqual({name for name, _, _ in tree("--package", crate)} & set(others), set(), crate)

    @unittest.skipUnless(shutil.which("cargo-deny"), "cargo-deny is not installed")
    def test_cargo_deny_agrees(self):
        done = subprocess.run(
            ["cargo", "deny", "--offline", "check", "licenses", "bans", "sources"], cwd=ROOT, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_package_of_the_page_is_locked_to_its_content_and_to_npm_s_registry(self):
        packages = json.loads(text("static/package-lock.json"))["packages"]
        self.assertGreater(len(packages), 50)
        for path, package in packages.items():
            if path:
                with self.subTest(path):
                    self.assertRegex(package["integrity"], "^sha512-")
                    # Left out, it means the registry that npm is told of.
                    self.assertRegex(package.get("resolved", "https://registry.npmjs.org/"), "^https://registry.npmjs.org/")
                    self.assertFalse(package.get("link"))
                    self.assertTrue(is_allowed(package.get("license", ""), NPM_LICENCES), package.get("license"))
        wanted = json.loads(text("static/package.json"))
        locked = packages[""]
        for kind in ("dependencies", "devDependencies"):
            self.assertEqual(wanted[kind], locked[kind], "package-lock.json is not that of package.json: npm install")

    def test_a_package_of_the_page_runs_nothing_when_it_is_installed(self):
        packages = json.loads(text("static/package-lock.json"))["packages"]
        scripted = {path.removeprefix("node_modules/") for path, package in packages.items() if package.get("hasInstallScript")}
        # fsevents: for macOS alone, never installed here.
        self.assertLessEqual(scripted, {"fsevents"})


if __name__ == "__main__":
    unittest.main()
