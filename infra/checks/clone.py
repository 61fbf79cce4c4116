"""Where the clone is, and what belongs to it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def files() -> list[str]:
    """Every file that git knows, or would be told of."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    return sorted(path for path in set(listed.stdout.split("\n")) if path and (ROOT / path).is_file())
