"""The images' Dockerfiles: nothing is built here, but everything they name must be there, and be what production wants."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path, PurePosixPath

from clone import ROOT, files, text

PRODUCTION = ["api", "updater", "static"]
IMAGES = [*PRODUCTION, "demo"]
KNOWN = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT"}


def instructions(image: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with its arguments on one line."""
    lines = [line for line in text(f"infra/docker/{image}.Dockerfile").splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(re.split(r"\s+", line.strip(), maxsplit=1)) for line in joined.splitlines() if line.strip()]


def stages(image: str) -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, argument in instructions(image):
        if name == "FROM":
            found.append([])
        found[-1].append((name, argument))
    return found


def context() -> list[str]:
    """The files that reach the builder, by .dockerignore: the last pattern that matches a file or a folder above it decides."""
    patterns = [line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")]

    def is_sent(path: str) -> bool:
        names = [path, *(str(parent) for parent in PurePosixPath(path).parents if str(parent) != ".")]
        sent = True
        for pattern in patterns:
            if any(fnmatch.fnmatchcase(name, pattern.lstrip("!")) for name in names):
                sent = pattern.startswith("!")
        return sent

    return [path for path in files() if is_sent(path)]


def copies(stage: list[tuple[str, str]]) -> list[tuple[str | None, list[str], str]]:
    """From which stage, what, and where to."""
    found = []
    for name, argument in stage:
        if name == "COPY":
            words = argument.split()
            of = [word.removeprefix("--from=") for word in words if word.startswith("--from=")]
            paths = [word for word in words if not word.startswith("--")]
            found.append((of[0] if of else None, paths[:-1], paths[-1]))
    return found


class Images(unittest.TestCase):
    def test_every_image_says_what_it_is_built_from_and_runs_as_nobody_in_particular(self):
        for image in IMAGES:
            with self.subTest(image):
                for name, argument in instructions(image):
                    self.assertIn(name, KNOWN)
                    if name == "FROM":
                        self.assertRegex(argument, r"^[a-z]+:[a-z0-9.-]*bookworm[a-z0-9.-]*( AS [a-z]+)?$", "Debian 12, by a tag")
                final = dict(stages(image)[-1])
                self.assertTrue(final["FROM"].startswith("debian:bookworm-slim"))
                if image in PRODUCTION:
                    self.assertEqual(final["USER"], "10001:10001")
                self.assertNotIn(final["USER"].split(":")[0], ("root", "0"))
                self.assertIn(" /usr/local/bin/", "".join(f" {to}" for _, _, to in copies(stages(image)[-1])))
                self.assertIn("--interval=", final["HEALTHCHECK"])
                # Signals reach the program itself, and not a shell that keeps them.
                self.assertIsInstance(json.loads(final["ENTRYPOINT"]), list)
                command = final["HEALTHCHECK"].split(" CMD ")[1]
                self.assertEqual(json.loads(command)[0], "/bin/bash")

    def test_programs_and_page_are_built_by_the_versions_that_the_clone_names(self):
        rust = tomllib.loads(text("rust-toolchain.toml"))["toolchain"]["channel"]
        for image in ("api", "updater", "demo"):
            # The file itself stays out: it names tools of the developers too, which rustup would fetch.
            self.assertEqual(stages(image)[0][0], ("FROM", f"rust:{rust}-slim-bookworm AS build"))
        node = re.search(r"^FROM node:(\d+)-", text("infra/docker/static.Dockerfile"), re.M)[1]
        self.assertEqual(json.loads(text("static/package.json"))["engines"]["node"].split(".")[0], f">={node}")

    def test_what_an_image_copies_is_in_the_clone_and_reaches_the_builder(self):
        sent = context()
        for image in IMAGES:
            for stage in stages(image):
                for of, sources, _ in copies(stage):
                    for source in sources:
                        with self.subTest(image=image, source=source):
                            if of is None:
                                self.assertTrue(
                                    any(path == source or path.startswith(f"{source}/") for path in sent),
                                    f"{source} is not in the clone, or .dockerignore keeps it away",
                                )

    def test_the_context_holds_no_more_than_the_images_use(self):
        sent = context()
        used = {source for image in IMAGES for stage in stages(image) for of, all, _ in copies(stage) if not of for source in all}
        unused = [path for path in sent if not any(path == source or path.startswith(f"{source}/") for source in used)]
        # Dockerfiles themselves are read by the client.
        self.assertEqual([path for path in unused if not path.startswith("infra/docker/")], [])
        self.assertFalse(any(".git/" in path or path.startswith("target/") for path in sent))

    def test_what_is_taken_from_a_stage_is_what_that_stage_builds(self):
        built = {
            f"/heat/target/release/{name}"
            for crate in ("handlers", "jobs", "infra/devkit")
            for name in re.findall(r'\[\[bin\]\]\nname = "([^"]+)"', text(f"{crate}/Cargo.toml"))
        } | {"/heat/static/dist"}
        for image in IMAGES:
            for of, sources, _ in copies(stages(image)[-1]):
                if of is not None:
                    self.assertEqual(of, "build")
                    self.assertLessEqual(set(sources), built, image)

    def test_no_production_image_holds_anything_of_the_devkit(self):
        for image in PRODUCTION:
            taken = [source for stage in stages(image) for _, sources, _ in copies(stage) for source in sources]
            self.assertEqual([s for s in taken if "devkit" in s and s != "infra/devkit/Cargo.toml"], [], image)
            self.assertFalse(any("heat-dev" in s for s in taken))

    def test_what_both_programs_are_built_from_is_one_stage_that_is_built_once(self):
        self.assertEqual(stages("api")[0], stages("updater")[0])

    def test_a_program_s_build_has_every_file_that_the_compiler_is_told_to_include(self):
        include = re.compile(r'(?:include_(?:str|bytes)!|embed_migrations!)\("([^"]+)"\)')
        for image in ("api", "demo"):
            had = [source for of, sources, _ in copies(stages(image)[0]) if not of for source in sources]
            crates = ["lib", "handlers", "jobs"] + (["infra/devkit"] if image == "demo" else [])
            for path in files():
                crate = next((crate for crate in crates if path.startswith(f"{crate}/src/")), None)
                if crate is None or not path.endswith(".rs"):
                    continue
                # What is only for tests is not built.
                code = re.split(r"#\[cfg\(test\)\]\nmod tests \{", text(path))[0]
                for named in include.findall(code):
                    base = ROOT / (crate if "migrations" in named else Path(path).parent)
                    target = (base / named).resolve().relative_to(ROOT).as_posix()
                    with self.subTest(image=image, path=path):
                        self.assertTrue(
                            any(target == source or target.startswith(f"{source}/") for source in had),
                            f"{target} is included, and the Dockerfile does not copy it",
                        )

    def test_every_crate_of_the_workspace_is_copied_but_the_devkit_where_it_has_no_place(self):
        members = set(tomllib.loads(text("Cargo.toml"))["workspace"]["members"])
        for image in ("api", "updater", "demo"):
            had = {source for of, sources, _ in copies(stages(image)[0]) if not of for source in sources}
            self.assertLessEqual({f"{member}/Cargo.toml" for member in members} | {"migrations"}, had, image)
            self.assertEqual(members - had, set() if image == "demo" else {"infra/devkit"}, image)

    def test_the_layer_of_dependencies_is_built_from_manifests_alone(self):
        """The first COPYs in a folder of their own: cargo finds a whole workspace in it, and leaves room for the sources."""
        stage = stages("api")[0]
        first = next(i for i, (name, argument) in enumerate(stage) if "build-dependencies " in argument and name == "RUN")
        with tempfile.TemporaryDirectory() as folder:
            heat = Path(folder) / "heat"
            heat.mkdir()
            for _, sources, to in copies(stage[:first]):
                (heat / to).mkdir(parents=True, exist_ok=True)
                for source in sources:
                    shutil.copy(ROOT / source, heat / to)
            seen = Path(folder) / "seen"
            cargo = Path(folder) / "cargo"
            cargo.write_text(
                "#!/bin/sh\n"
                f'echo "$@" >>{seen}\n'
                "cargo metadata --no-deps --offline --locked --format-version 1\n"
                "mkdir -p target/release/.fingerprint/heat-1 target/release/.fingerprint/tokio-1\n"
            )
            cargo.chmod(0o755)
            done = subprocess.run(
                ["infra/docker/build-dependencies", *stage[first][1].split()[1:]],
                cwd=heat, env=os.environ | {"CARGO": str(cargo)}, capture_output=True, text=True,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(seen.read_text(), "build --release --locked -p heat-handlers -p heat-jobs\n")
            workspace = json.loads(done.stdout)
            targets = {target["name"] for package in workspace["packages"] for target in package["targets"]}
            self.assertLessEqual({"heat", "heat-api", "heat-updater", "heat-templates", "heat-dev"}, targets)
            left = {path.relative_to(heat).as_posix() for path in heat.rglob("*") if path.is_file()}
            self.assertIn("infra/devkit/src/lib.rs", left)
            self.assertEqual({path for path in left if path.endswith(".rs") and not path.startswith("infra/devkit/")}, set())
            self.assertEqual([path.name for path in (heat / "target/release/.fingerprint").iterdir()], ["tokio-1"])


if __name__ == "__main__":
    unittest.main()
