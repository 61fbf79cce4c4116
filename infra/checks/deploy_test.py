"""infra/deploy.sh and deploy_prod.sh, with a `docker` on PATH that only writes down how it was called."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from clone import ROOT

STUB = """#!/bin/bash
printf '%s\\n' "$*" >>"$CALLS"
[ "$1" != "${FAILS:-}" ]
"""


class Deploy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "bin").mkdir()
        self.calls = self.folder / "calls"
        stub = self.folder / "bin/docker"
        stub.write_text(STUB)
        stub.chmod(0o755)
        # A clone with one commit and one tag.
        self.clone = self.folder / "clone"
        shutil.copytree(ROOT / "infra/docker", self.clone / "infra/docker")
        for script in ("deploy.sh", "deploy_prod.sh"):
            shutil.copy(ROOT / "infra" / script, self.clone / "infra")
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "One")
        self.commit = self.git("rev-parse", "HEAD")

    def git(self, *args: str) -> str:
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.net", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *args], cwd=self.clone, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def run_script(self, script: str, *args: str, **env: str):
        known = {name: value for name, value in os.environ.items() if not name.startswith("HEAT_")}
        known |= {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "CALLS": str(self.calls)}
        # From another folder, as people do.
        return subprocess.run(
            [self.clone / "infra" / script, *args], cwd="/", env=known | env, capture_output=True, text=True
        )

    def deploy(self, *args: str, script: str = "deploy.sh", **env: str) -> list[str]:
        self.calls.unlink(missing_ok=True)
        done = self.run_script(script, *args, **({"HEAT_REGISTRY": "registry.example.net/noc"} | env))
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def refused(self, *args: str, script: str = "deploy.sh", **env: str) -> str:
        self.calls.unlink(missing_ok=True)
        done = self.run_script(script, *args, **({"HEAT_REGISTRY": "registry.example.net/noc"} | env))
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(self.calls.exists(), "nothing is done by halves")
        return done.stderr

    def test_a_component_is_built_and_pushed_under_the_version_that_git_says(self):
        self.git("tag", "v1.2.0")
        for component in ("api", "updater", "static"):
            image = f"registry.example.net/noc/heat-{component}"
            build, *pushes = self.deploy(component)
            self.assertTrue(build.startswith("build --pull "))
            self.assertTrue(build.endswith(f" --tag {image}:v1.2.0 --tag {image}:latest ."))
            for part in (
                f"--file infra/docker/{component}.Dockerfile",
                "--label org.opencontainers.image.version=v1.2.0",
                f"--label org.opencontainers.image.revision={self.commit}",
                f"--cache-from {image}:latest",
            ):
                self.assertIn(f" {part} ", build)
            self.assertEqual(pushes, [f"push {image}:v1.2.0", f"push {image}:latest"])

    def test_for_production_the_same_is_done_and_the_tag_release_is_added_last(self):
        for component in ("api", "updater", "static"):
            image = f"registry.example.net/noc/heat-{component}"
            build, *pushes = self.deploy(component)
            prod, *prod_pushes = self.deploy(component, script="deploy_prod.sh")
            self.assertEqual(prod.replace(f" --tag {image}:release", ""), build)
            self.assertEqual(prod_pushes, [*pushes, f"push {image}:release"])

    def test_redis_is_the_official_image_passed_on(self):
        image = "registry.example.net/noc/heat-redis"
        calls = self.deploy("redis", HEAT_REDIS_TAG="7.2.9")
        self.assertEqual(calls, [
            "pull redis:7.2.9",
            f"tag redis:7.2.9 {image}:7.2.9", f"tag redis:7.2.9 {image}:latest",
            f"push {image}:7.2.9", f"push {image}:latest",
        ])
        released = self.deploy("redis", script="deploy_prod.sh", HEAT_REDIS_TAG="7.2.9")
        self.assertEqual([call for call in released if call not in calls], [f"tag redis:7.2.9 {image}:release", f"push {image}:release"])
        self.assertRegex(self.deploy("redis")[0], r"^pull redis:\d+\.\d+\.\d+-bookworm$")

    def test_what_is_not_committed_is_marked_and_never_released(self):
        for name, path in (("changed", "infra/docker/healthy"), ("not added", "infra/docker/new")):
            with self.subTest(name), open(self.clone / path, "a", encoding="utf-8") as file:
                file.write("# changed\n")
                file.flush()
                self.assertIn(f":{self.commit[:12]}-dirty ", self.deploy("api")[0])
                for component in ("api", "redis"):
                    self.assertIn(path, self.refused(component, script="deploy_prod.sh"))
            self.git("stash", "--include-untracked")

    def test_names_come_from_the_environment(self):
        self.assertIn(" --tag other.example.net/x:", self.deploy("api", HEAT_IMAGE_API="other.example.net/x")[0])
        self.assertIn("/noc/heat-static:", self.deploy("static", HEAT_IMAGE_API="other.example.net/x")[0])
        self.assertIn("HEAT_REGISTRY", self.refused("api", HEAT_REGISTRY=""))
        build = self.deploy("api", HEAT_BUILD_CACHE="cache.example.net/c")[0]
        self.assertTrue(build.startswith("buildx build --load "))
        self.assertIn(" --cache-to type=registry,ref=cache.example.net/c:heat-api,mode=max ", build)

    def test_a_tag_of_git_becomes_one_of_an_image(self):
        self.git("tag", "release/1.2+3")
        self.assertIn("/heat-api:release-1.2-3 ", self.deploy("api")[0])

    def test_a_dry_run_prints_the_commands_and_runs_none(self):
        done = self.run_script("deploy_prod.sh", "--dry-run", "api", HEAT_REGISTRY="r")
        self.assertEqual((done.returncode, self.calls.exists()), (0, False))
        self.assertIn("docker build --pull", done.stdout)
        self.assertIn("+ docker push r/heat-api:release\n", done.stdout)

    def test_what_is_not_understood_is_refused_before_anything_is_done(self):
        for args in ((), ("postgres",), ("api", "static"), ("--force", "api")):
            with self.subTest(args):
                self.assertIn("--help" if args != ("api", "static") else "one component", self.refused(*args))
        for script in ("deploy.sh", "deploy_prod.sh"):
            done = self.run_script(script, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("HEAT_REGISTRY=", done.stdout)

    def test_nothing_is_pushed_that_was_not_built(self):
        self.calls.unlink(missing_ok=True)
        done = self.run_script("deploy.sh", "api", HEAT_REGISTRY="r", FAILS="build")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("push", self.calls.read_text())


if __name__ == "__main__":
    unittest.main()
