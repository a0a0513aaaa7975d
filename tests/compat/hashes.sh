#!/usr/bin/env bash
# One seed, one hash: debug and release, plain world and madsim host, separate processes, with other seeds run before.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --locked
cargo build --quiet --locked --release
for scenario in scenarios/*/*.ron; do
    # Those need a binary that knows their programs; sim/madsim/tests/apps.rs compares their hashes.
    case $scenario in scenarios/apps/*) continue ;; esac
    first=
    for binary in target/debug/klamm target/release/klamm; do
        for driver in plain host; do
            # Whether everything held under this seed is the tests' matter.
            hash=$("$binary" run "$scenario" --seed 7 --driver "$driver" --format hash) || [ $? -eq 1 ]
            first=${first:-$hash}
            if [ "$hash" != "$first" ]; then
                echo "$scenario: $binary --driver $driver gives $hash, expected $first" >&2
                exit 1
            fi
        done
    done
    echo "$scenario $first"
done
