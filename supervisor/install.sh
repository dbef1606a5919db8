#!/usr/bin/env bash
# Make the virtual environment $1 and install every package at its pinned version. Safe to repeat after an interruption.
set -uo pipefail
venv=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fail() {
    echo "error: $*" >&2
    exit 1
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    free_mb=$(df -Pm . | awk 'NR == 2 {print $4}')
    [ "$free_mb" -ge 5000 ] || fail "This disk has $free_mb MB free, and the packages and the first start need 5000." \
        "Free some space and run make again."
    python=
    for candidate in python3.11 python3.12 python3.13 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "Python 3.11 or newer was not found. Install it (Debian: apt install python3) and run make again."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments. Install that part (Debian: apt install python3-venv) and run make again."
    "$python" -m venv --clear "$venv" || fail "$venv could not be made; the line above says why."
fi

requirements=$("$venv/bin/python" - <<'PYTHON'
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())
print("\n".join(project["project"]["dependencies"] + project["dependency-groups"]["dev"]))
PYTHON
) || fail "pyproject.toml cannot be read; the line above says why."

echo "Installing the packages into $venv: about 2 GB, some minutes the first time."
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 2 \
    --constraint constraints.txt --requirement <(echo "$requirements") 2>&1 | tee "$log"; then
    if grep -qi 'no space left' "$log"; then
        fail "The disk is full. Free about 5 GB and run make again: it goes on where it stopped."
    elif grep -qiE 'name resolution|connection (broken|refused|reset)|failed to establish|timed out|unreachable' "$log"; then
        fail "The packages could not be fetched: no package index can be reached." \
            "Connect to a network, or point PIP_INDEX_URL at an index within reach, and run make again."
    fi
    fail "The packages could not be installed; the lines above say why."
fi
