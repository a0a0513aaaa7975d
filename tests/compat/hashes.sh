#!/usr/bin/env bash
# One seed, one hash: debug and release, plain world and madsim host, separate processes. And the same pictures of it.
#
# usage: hashes.sh [--built]     with --built, the two binaries are there already (that of the tests is the debug one)
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != --built ]; then
    cargo build --quiet --locked
    cargo build --quiet --locked --release
fi

same() {
    local scenario=$1 first= hash binary driver
    for binary in target/debug/klamm target/release/klamm; do
        for driver in plain host; do
            # Whether everything held under this seed is the tests' matter.
            hash=$("$binary" run "$scenario" --seed 7 --driver "$driver" --format hash) || [ $? -eq 1 ]
            first=${first:-$hash}
            if [ -z "$hash" ] || [ "$hash" != "$first" ]; then
                echo "$scenario: $binary --driver $driver gives $hash, expected $first" >&2
                return 1
            fi
        done
    done
    echo "$scenario $first"
}
export -f same

# Applications need a binary that knows their programs; sim/madsim/tests/applications compares their hashes.
printf '%s\n' scenarios/*/*.ron | grep -v '^scenarios/apps/' |
    xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} bash -euc 'same {}'

# Of some scenarios every picture, as the hash of its SVG: what is kept of all of them is in tests/golden/pictures.
for scenario in scenarios/lessons/{leader-crash,two-groups}.ron scenarios/questions/asymmetric-cut.ron; do
    debug=$(target/debug/klamm render "$scenario" --hash)
    release=$(target/release/klamm render "$scenario" --hash)
    if [ -z "$debug" ] || [ "$debug" != "$release" ]; then
        echo "$scenario: debug and release do not draw the same" >&2
        diff <(echo "$debug") <(echo "$release") >&2 || true
        exit 1
    fi
    echo "$scenario: $(wc -l <<<"$debug") moments drawn alike"
done
