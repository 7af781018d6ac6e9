#!/usr/bin/env bash
# Installs what is missing, then runs the plan of experiments/sg6.py, which takes all options:
# bash experiments/run_sg6.sh --help
set -euo pipefail
unset CDPATH # With it, cd would print where it goes.

# Clusters run a copy of this script that lies elsewhere, from the folder in which it was submitted.
for folder in "$(dirname "${BASH_SOURCE[0]}")/.." "${SLURM_SUBMIT_DIR:-.}" "${PBS_O_WORKDIR:-.}" . ..; do
  if [ -f "$folder/experiments/sg6.py" ]; then
    repository="$(cd "$folder" && pwd)"
    break
  fi
done
if [ -z "${repository:-}" ]; then
  echo "run_sg6.sh: error: this is a copy elsewhere: submit it from the repository's folder" >&2
  exit 1
fi

bash "$repository/experiments/install.sh"
exec "$repository/.venv/bin/python" "$repository/experiments/sg6.py" "$@"
