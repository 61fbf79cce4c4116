"""What is built in that others wrote, beside what `cargo deny` asks by deny.toml: which program must not be built with what, and
a lock file of npm that says what each package must be."""

import json
import subprocess
import unittest

from clone import ROOT, text

# What a program's crate must not be built with, neither itself nor by what it uses.
APART = {
    "heat-handlers": ["heat-devkit", "heat-jobs", "reqwest", "tokio-cron-scheduler"],
    "heat-jobs": ["heat-devkit", "heat-handlers", "sailfish", "tokio-tungstenite"],
}
# Of the front end's packages; nearly all of them only build and test.
LICENCES = {
    "(MIT OR CC0-1.0)", "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "Python-2.0",
}


class Packages(unittest.TestCase):
    def test_the_programs_are_built_apart_from_each_other_and_from_the_devkit(self):
        for crate, others in APART.items():
            command = ["cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--package", crate]
            tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
            built = {line.split()[0] for line in tree.splitlines() if line.strip()}
            self.assertIn("tokio", built)
            self.assertEqual(built & set(others), set(), crate)

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
                    self.assertIn(package.get("license"), LICENCES)
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
