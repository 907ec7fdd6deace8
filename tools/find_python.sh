#!/bin/sh
# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
#
# Print the path of a CPython that NNabla has wheels for (3.8, 3.9 or 3.10), the newest there is. Looked at in turn:
# $PYTHON (then nothing else), the PATH, pyenv versions that are installed but not active, uv (which can bring one).
# A candidate counts only if it really runs, is a 64-bit CPython and can make virtual environments: version managers
# put commands on the PATH that fail when called, and Debian ships a Python that cannot make an environment.
# When there is none, standard error says what was looked at and what to do, and the exit status is 1.

set -u

WANTED="3.10 3.9 3.8"

# Answers with one line, "find_python=ok PATH" or "find_python=no REASON". Python 2 must be able to read it.
CHECK='
import os, sys
def answer(word, text):
    print("find_python=%s %s" % (word, text))
    sys.exit(0)
version = "%d.%d" % sys.version_info[:2]
if not (3, 8) <= sys.version_info[:2] <= (3, 10):
    answer("no", "is Python " + version)
if sys.implementation.name != "cpython":
    answer("no", "is " + sys.implementation.name + ", not CPython")
if sys.maxsize <= 2 ** 32:
    answer("no", "is a 32-bit Python")
try:
    import ensurepip, venv
except ImportError:
    answer("no", "cannot make virtual environments (Debian, Ubuntu: sudo apt install python%s-venv)" % version)
path = sys.executable
if sys.prefix != sys.base_prefix:
    # Never build on an environment: it may be the very one that is about to be remade.
    path = os.path.join(sys.base_prefix, "bin", "python" + version)
    if not os.access(path, os.X_OK):
        answer("no", "is a virtual environment whose own Python, " + path + ", is gone")
answer("ok", path)
'

looked_at=""

note() {
    looked_at="$looked_at  $1
"
}

# Print CANDIDATE's path and leave, if it will do; else note why not.
consider() {
    said=$("$1" -E -s -c "$CHECK" 2>&1 </dev/null)
    status=$?
    verdict=$(printf '%s\n' "$said" | sed -n 's/^find_python=//p')
    case $status:$verdict in
        "0:ok "*)
            printf '%s\n' "${verdict#ok }"
            exit 0
            ;;
        "0:no "*) note "$1: ${verdict#no }" ;;
        *) note "$1: does not run ($(printf '%s\n' "$said" | sed -n '/./{p;q;}'))" ;;
    esac
}

# Consider every NAME on the PATH, not only the first: a broken one may stand in front of a good one.
consider_on_path() {
    rest=$PATH:
    while [ -n "$rest" ]; do
        folder=${rest%%:*}
        rest=${rest#*:}
        case $folder in
            /*) if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then consider "$folder/$1"; fi ;;
        esac
    done
}

# The folders where pyenv may keep its versions, one a line.
pyenv_roots() {
    {
        if [ -n "${PYENV_ROOT:-}" ]; then printf '%s\n' "$PYENV_ROOT"; fi
        if [ -n "${HOME:-}" ]; then printf '%s\n' "$HOME/.pyenv"; fi
        if command -v pyenv >/dev/null 2>&1; then pyenv root 2>/dev/null; fi
    } | awk 'NF && !seen[$0]++'
}

# The pyenv versions ROOT has of Python VERSION, newest patch first, one path a line.
pyenv_versions() {
    for folder in "$1"/versions/"$2".* "$1"/versions/"$2"-dev; do
        if [ -x "$folder/bin/python" ]; then printf '%s\n' "${folder##*/}"; fi
    done | sort -t. -k3,3nr | while IFS= read -r name; do
        printf '%s\n' "$1/versions/$name/bin/python"
    done
}

consider_pyenv() {
    roots=$(pyenv_roots)
    if [ -z "$roots" ]; then
        note "pyenv: not installed"
        return
    fi
    for version in $WANTED; do
        while IFS= read -r root; do
            while IFS= read -r candidate; do
                if [ -n "$candidate" ]; then consider "$candidate"; fi
            done <<VERSIONS
$(pyenv_versions "$root" "$version")
VERSIONS
        done <<ROOTS
$roots
ROOTS
    done
    while IFS= read -r root; do
        if [ -d "$root/versions" ]; then
            held=$(ls "$root/versions" | tr '\n' ' ')
            note "pyenv in $root: has ${held:-no version}"
        fi
    done <<ROOTS
$roots
ROOTS
}

consider_uv() {
    uv=$(command -v uv || true)
    for folder in "${HOME:-/nonexistent}/.local/bin" "${HOME:-/nonexistent}/.cargo/bin"; do
        if [ -z "$uv" ] && [ -x "$folder/uv" ]; then uv=$folder/uv; fi
    done
    if [ -z "$uv" ]; then
        note "uv: not installed"
        return
    fi
    for version in $WANTED; do
        # --system: not the environment that happens to be active.
        candidate=$("$uv" python find --system "$version" 2>/dev/null </dev/null) || continue
        consider "$candidate"
    done
    echo "no CPython 3.8 to 3.10 on this machine yet; asking uv for 3.10" >&2
    if "$uv" python install 3.10 >&2 </dev/null &&
        candidate=$("$uv" python find --system 3.10 2>/dev/null </dev/null); then
        consider "$candidate"
    else
        note "uv: could not bring Python 3.10 (its message is above)"
    fi
}

if [ -n "${PYTHON:-}" ]; then
    case $PYTHON in
        */*) if [ -f "$PYTHON" ] && [ -x "$PYTHON" ]; then consider "$PYTHON"; fi ;;
        *) consider_on_path "$PYTHON" ;;
    esac
    if [ -z "$looked_at" ]; then note "$PYTHON: no such command"; fi
    cat >&2 <<MESSAGE
error: the Python given as PYTHON=$PYTHON will not do; NNabla 1.39 needs a 64-bit CPython 3.8, 3.9 or 3.10.
$looked_at
help: give another one, as in "make setup PYTHON=/path/to/python3.10", or unset PYTHON to have one looked for.
MESSAGE
    exit 1
fi

for version in $WANTED; do consider_on_path "python$version"; done
consider_on_path python3
consider_on_path python
consider_pyenv
consider_uv

cat >&2 <<MESSAGE
error: no suitable Python; NNabla 1.39 needs a 64-bit CPython 3.8, 3.9 or 3.10 (there is no wheel for 3.11 and newer).
Looked at:
$looked_at
help: do one of these, then give the same command again:
  - install uv (https://docs.astral.sh/uv), which brings a Python by itself
  - with pyenv: pyenv install 3.10 (it need not be made active)
  - with a package manager, e.g. Ubuntu 22.04: sudo apt install python3.10 python3.10-venv
  - name one that is elsewhere: make setup PYTHON=/path/to/python3.10
MESSAGE
exit 1
