#!/usr/bin/env bash
# Installs everything where that has not been done yet, then runs the plan of experiments/sg6.py.
# All options go there: bash experiments/run_sg6.sh --help
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$repository/.venv"

find_python() {
  for candidate in python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "run_sg6.sh: error: no Python 3.11, 3.12 or 3.13 found: install one" >&2
  return 1
}

# The mark is a copy of the requirements, so that a change of them installs again.
if ! cmp -s "$repository/requirements.txt" "$venv/installed.txt"; then
  echo "Installing into $venv (once; a few minutes)"
  [ -x "$venv/bin/python" ] || "$(find_python)" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$repository/requirements.txt"
  if command -v nvidia-smi >/dev/null; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
      "$(grep '^tensorflow==' "$repository/requirements.txt" | sed 's/tensorflow/tensorflow[and-cuda]/; s/ *#.*//')"
  fi
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e "$repository"
  cp "$repository/requirements.txt" "$venv/installed.txt"
fi

# Pictures need a GL library; software Mesa is enough.
if ! "$venv/bin/python" -c 'from la_mbda.safety_gym import check_gl; check_gl()' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Mesa's software GL"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libegl1 libgl1 libgles2 libosmesa6 >/dev/null
  fi
fi

exec "$venv/bin/python" "$repository/experiments/sg6.py" "$@"
