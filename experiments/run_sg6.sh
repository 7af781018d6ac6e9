#!/usr/bin/env bash
# Installs what is missing, then runs the plan of experiments/sg6.py, which takes all options:
# bash experiments/run_sg6.sh --help
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bash "$repository/experiments/install.sh"
exec "$repository/.venv/bin/python" "$repository/experiments/sg6.py" "$@"
