#!/usr/bin/env bash
# Makes .venv with everything that requirements.txt pins, and a GL library where one is missing.
# Does nothing where that has been done.
set -euo pipefail
unset CDPATH # With it, cd would print where it goes.

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$repository/.venv"
gl_packages="libegl1 libgl1 libgl1-mesa-dri"

# PYTHON, where it is set, says which Python; else the newest that does.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "install.sh: error: no Python 3.11, 3.12 or 3.13 found (${PYTHON:-on the PATH}): install one" >&2
  return 1
}

# An installation that was broken off, or whose Python has gone, leaves a .venv that cannot be used.
is_usable() {
  "$venv/bin/python" -c 'import pip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

quiet_pip() {
  "$venv/bin/python" -m pip --quiet --disable-pip-version-check install "$@"
}

# The mark is a copy of the requirements, so that a change of them installs again.
if ! is_usable || ! cmp -s "$repository/requirements.txt" "$venv/installed.txt"; then
  echo "Installing into $venv (once; a few minutes)"
  if ! is_usable; then
    python="$(find_python)"
    "$python" -m venv --clear "$venv"
  fi
  quiet_pip -r "$repository/requirements.txt"
  if command -v nvidia-smi >/dev/null; then
    # CUDA libraries of the versions that TensorFlow was built with.
    tensorflow="$(grep -o '^tensorflow==[0-9.]*' "$repository/requirements.txt")"
    quiet_pip "${tensorflow/tensorflow/tensorflow[and-cuda]}"
  fi
  quiet_pip --no-deps -e "$repository"
  cp "$repository/requirements.txt" "$venv/installed.txt"
fi

# Pictures need a GL library; Mesa in software is enough.
if ! "$venv/bin/python" -c 'from la_mbda.safety_gym import check_gl; check_gl()' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Mesa's software GL"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $gl_packages >/dev/null
  fi
fi
