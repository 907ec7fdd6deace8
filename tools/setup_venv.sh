#!/bin/sh
# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
#
# Make .venv in the project and install the project with its development tools there. Does nothing when that is done
# already; installs again when setup.py changed or the project moved; makes .venv anew when it was left half-made, does
# not run, or is of a Python that NNabla has no wheel for. Takes PYTHON from the environment (see find_python.sh).

set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

STAMP=.venv/.nnabla-compress-installed   # written last: what was installed, and for which place
UNFINISHED=.venv/.nnabla-compress-unfinished
wanted="$(cksum <setup.py) $(pwd -P)"

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

version_of() {
    "$1" -E -s -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# Whether .venv is one to keep; sets "reason" when it is not.
keep_venv() {
    reason=
    if [ ! -e .venv ] && [ ! -L .venv ]; then return 1; fi
    reason="its last installation was interrupted"
    if [ -e "$UNFINISHED" ]; then return 1; fi
    reason="its Python does not run or is not a CPython 3.8 to 3.10"
    if [ ! -e .venv/pyvenv.cfg ]; then return 1; fi
    PYTHON=.venv/bin/python sh tools/find_python.sh >/dev/null 2>&1 || return 1
    if [ -n "${PYTHON:-}" ]; then
        found=$(sh tools/find_python.sh) || exit 1
        reason="its Python is not the one asked for, $PYTHON"
        if [ "$(version_of "$found")" != "$(version_of .venv/bin/python)" ]; then return 1; fi
    fi
    if [ -e "$STAMP" ]; then return 0; fi
    reason="it has no pip"
    .venv/bin/python -m pip --version >/dev/null 2>&1
}

fresh=no
if ! keep_venv; then
    found=$(sh tools/find_python.sh) || exit 1
    if [ -n "$reason" ]; then echo "setup: making .venv anew: $reason"; fi
    echo "setup: making .venv with $("$found" --version 2>&1), $found"
    rm -rf .venv
    mkdir .venv || fail "error: cannot make the folder $(pwd)/.venv." "help: make the project folder writable."
    : >"$UNFINISHED"
    fresh=yes
    "$found" -m venv .venv || fail \
        "error: $found could not make a virtual environment in $(pwd)/.venv (its message is above)." \
        "help: Debian, Ubuntu: sudo apt install python$(version_of "$found")-venv; or name another Python:" \
        "      make setup PYTHON=/path/to/python3.10"
fi

if [ -e "$STAMP" ] && [ "$(cat "$STAMP")" = "$wanted" ]; then exit 0; fi

echo "setup: installing nnabla-compress, NNabla and the development tools into .venv (0.8 GB, some minutes)"
: >"$UNFINISHED"
rm -f "$STAMP"
# PIP_USER=0: a user-wide "user = true" would make pip refuse to install into an environment.
if ! PIP_USER=0 .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -e ".[dev]"; then
    # An environment that worked before is left as it is: pip changes nothing when it cannot find or fetch something.
    if [ "$fresh" = no ]; then rm -f "$UNFINISHED"; fi
    fail "error: pip could not install what setup.py asks for (its message is above)." \
        "help: - without a network, or behind a proxy: set HTTPS_PROXY, or PIP_INDEX_URL to a mirror that is reachable," \
        "        or PIP_NO_INDEX=1 and PIP_FIND_LINKS=FOLDER to a folder of wheels" \
        "      - \"No matching distribution found for nnabla\": NNabla 1.39 has wheels for Linux and Windows on x86-64 only" \
        "      - a full disk: about 1.5 GB are needed" \
        "      then: make setup"
fi
printf '%s\n' "$wanted" >"$STAMP"
rm -f "$UNFINISHED"
echo "setup: done"
