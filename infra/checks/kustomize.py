"""As much of kustomize as the overlays use, so that they can be looked at without it. What it does not know, it refuses."""

import copy
import hashlib
from pathlib import Path

import yaml


def build(folder: Path) -> list[dict]:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert kustomization.pop("apiVersion") == "kustomize.config.k8s.io/v1beta1"
    assert kustomization.pop("kind") == "Kustomization"
    objects: list[dict] = []
    for name in kustomization.pop("resources", []):
        path = folder / name
        objects += build(path) if path.is_dir() else [o for o in yaml.safe_load_all(path.read_text()) if o]
    renamed = {}
    labels = kustomization.pop("generatorOptions", {}).get("labels", {})
    for generator in kustomization.pop("configMapGenerator", []):
        data = _data(folder, generator)
        name = generator.pop("name")
        assert not generator, f"unknown in configMapGenerator: {generator}"
        digest = hashlib.sha256(repr(sorted(data.items())).encode()).hexdigest()[:10]
        renamed[name] = f"{name}-{digest}"
        metadata = {"name": renamed[name], "labels": labels}
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    for patch in kustomization.pop("patches", []):
        target = patch["target"]
        meant = [o for o in objects if (o["kind"], o["metadata"]["name"]) == (target["kind"], target["name"])]
        assert len(meant) == 1, f"{target} means {len(meant)} objects"
        for operation in yaml.safe_load(patch["patch"]):
            assert operation["op"] == "replace"
            *way, last = operation["path"].strip("/").split("/")
            at = meant[0]
            for step in way:
                at = at[int(step) if isinstance(at, list) else step]
            last = int(last) if isinstance(at, list) else last
            assert isinstance(at, list) or last in at, f"{operation['path']} is not there"
            at[last] = operation["value"]
    for replica in kustomization.pop("replicas", []):
        meant = [o for o in objects if o["kind"] == "Deployment" and o["metadata"]["name"] == replica["name"]]
        assert len(meant) == 1, replica
        meant[0]["spec"]["replicas"] = replica["count"]
    images = {image["name"]: f"{image['newName']}:{image['newTag']}" for image in kustomization.pop("images", [])}
    namespace = kustomization.pop("namespace", None)
    assert not kustomization, f"unknown in {folder}: {sorted(kustomization)}"
    for item in objects:
        if namespace:
            item["metadata"]["namespace"] = namespace
        pod = item.get("spec", {}).get("template", {}).get("spec", {})
        for container in pod.get("containers", []):
            container["image"] = images.get(container["image"], container["image"])
            for source in container.get("envFrom", []):
                source["configMapRef"]["name"] = renamed.get(source["configMapRef"]["name"], source["configMapRef"]["name"])
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                volume["configMap"]["name"] = renamed.get(volume["configMap"]["name"], volume["configMap"]["name"])
    return copy.deepcopy(objects)


def _data(folder: Path, generator: dict) -> dict[str, str]:
    data = {}
    for name in generator.pop("files", []):
        data[name] = (folder / name).read_text()
    for name in generator.pop("envs", []):
        lines = (folder / name).read_text().splitlines()
        data |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return data
