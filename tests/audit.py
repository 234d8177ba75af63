"""``python -m tests.audit``: whether something that is installed is known to be dangerous.

Fails for what is known only: a machine that cannot reach the database says so and goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

COMMAND = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
PATIENCE = 120  # seconds


def asked() -> list[dict[str, Any]] | None:
    """What the database says of each package; None where it could not be asked."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=PATIENCE)
        return list(json.loads(done.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None


def holes(packages: list[dict[str, Any]]) -> list[str]:
    """A line for each hole that is known."""
    return [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {hole['fix_versions']}"
        for one in packages
        for hole in one.get("vulns", ())
    ]


def main() -> int:
    packages = asked()
    if packages is None:
        print("audit: the database could not be reached; nothing was audited")
        return 0
    skipped = sum("skip_reason" in one for one in packages)
    found = holes(packages)
    print(f"audit: {len(packages) - skipped} packages audited, {skipped} not known there")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
