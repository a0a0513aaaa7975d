#!/usr/bin/env bash
# Two clients of Python against `klamm serve`: confluent-kafka, which bundles a recent librdkafka, and kafka-python, which
# speaks the protocol in its own words. What they are asked to do is in clients.py beside this file.
#
# usage: python.sh KLAMM_BINARY [CHECK...]
set -euo pipefail

klamm=$(realpath "${1:?usage: python.sh KLAMM_BINARY [CHECK...]}")
shift
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
    confluent-kafka==2.16.1 kafka-python==3.0.12 lz4==4.4.5 python-snappy==0.7.3 zstandard==0.25.0
# Each wait within has its own end; this one is for what nobody thought of.
timeout --kill-after 5 180 "$work/venv/bin/python" "$here/clients.py" "$klamm" "$work/data" "$@"
