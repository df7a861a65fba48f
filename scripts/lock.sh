#!/usr/bin/env bash
# Writes requirements.lock: what pip resolves for pyproject.toml in an empty environment. `make lock` calls it:
# scripts/lock.sh PYTHON, with the oldest Python that is served (3.11.2, in Debian 12): a newer one would choose
# releases that the oldest cannot install. Afterwards bring the pins in environment.yml up to date;
# tests/test_pins.py names them.
set -euo pipefail

python=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/venv"
pip=("$folder/venv/bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet setuptools '.[test]'
"${pip[@]}" uninstall --quiet --yes fine-tuning-course

# torch brings its own CUDA packages where the machine needs them, and a "+cpu" or "+cu130" behind its version says
# which build was at hand: neither belongs in a lock that serves both kinds of machine.
{
    echo "# Made by 'make lock' with $("$python" --version); serves Python 3.11 and 3.12, CPU and CUDA builds of torch."
    echo "# torch's CUDA packages are left out on purpose: pip adds the ones that its build asks for."
    "${pip[@]}" freeze --all |
        grep --invert-match --ignore-case --extended-regexp '^(pip|nvidia-[^=]*|cuda-[^=]*|triton)(=| @)' |
        sed --regexp-extended 's/\+[a-z0-9.]+$//'
} >"$folder/lock"
mv "$folder/lock" requirements.lock
