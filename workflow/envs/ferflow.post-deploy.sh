#!/usr/bin/env bash
# Runs in the folder of the workflow, within its new environment.
set -euo pipefail
python -m pip install --requirement requirements.lock
python -m pip install --no-deps .
