#!/usr/bin/env bash
# Makes or repairs the course's virtual environment. `make setup` calls it: scripts/setup.sh PYTHON VENV
#
# VENV may also be an environment that exists already, such as a conda environment: it is used as it is.
# pip reads its own settings as usual (pip.conf, PIP_INDEX_URL and so on).
set -euo pipefail

python=$1
venv=$2

fail() {
    echo "setup: $1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "no '$python' here; install Python 3.11 or newer, or name one: make setup PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; the course needs 3.11 or newer: make setup PYTHON=python3.12"

make_venv() {
    # Debian ships Python without ensurepip: `import venv` works there and `python -m venv` does not.
    if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        "$python" -m venv --clear "$venv"
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv --quiet --clear "$venv"
    else
        fail "this Python cannot make virtual environments; run 'sudo apt-get install python3-venv', then 'make setup' again"
    fi
}

if [[ -e $venv && ! -f $venv/pyvenv.cfg && ! -d $venv/conda-meta ]]; then
    fail "'$venv' exists and is not a Python environment; move it away or choose another: make setup VENV=PATH"
fi
# An interrupted setup, or a system Python that was upgraded, leaves an environment whose pip does not run.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv

pip=("$venv/bin/python" -m pip --disable-pip-version-check)
echo "setup: installing the packages of requirements.lock into $venv (some minutes the first time)"
if [[ -t 1 ]]; then # somebody is watching: one line that counts, instead of silence or of five hundred lines
    "${pip[@]}" install --requirement requirements.lock |
        awk '/^(Collecting|Requirement already)/ { printf "\r  %3d packages found", ++n; fflush() }
             /^Installing collected/ { printf ", installing"; fflush() }
             END { print "" }'
else
    "${pip[@]}" install --quiet --requirement requirements.lock
fi
# The lock pins setuptools, so the course itself builds without fetching anything more.
"${pip[@]}" install --quiet --no-deps --no-build-isolation --editable .
echo "setup: done"
