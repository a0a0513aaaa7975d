#!/usr/bin/env bash
# Two clients of JavaScript against `klamm serve`: kafkajs, which most programs of that language use and which speaks old
# versions, and @platformatic/kafka, which speaks the newest. What they are asked to do is in javascript/clients.mjs.
#
# usage: javascript.sh KLAMM_BINARY [CHECK...]
set -euo pipefail

klamm=$(realpath "${1:?usage: javascript.sh KLAMM_BINARY [CHECK...]}")
shift
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here"/javascript/{package.json,package-lock.json,clients.mjs} "$work"
# Packages that run something at their installation get no chance to.
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null
# Each wait within has its own end; this one is for what nobody thought of.
timeout --kill-after 5 120 node "$work/clients.mjs" "$klamm" "$work/data" "$@"
