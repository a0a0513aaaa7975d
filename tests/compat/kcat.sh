#!/usr/bin/env bash
# The first judge: kcat (librdkafka), which nobody here wrote, against `klamm serve`.
#
# For each compression and each acks: 100,000 distinct records in, the same records out, in order, and compressed where they
# lie. Then the server is killed with SIGKILL, idle and in the midst of producing, and started again on the same data: what
# had been acknowledged must still be there. Last, an orderly stop.
#
# usage: kcat.sh KLAMM_BINARY [RECORDS]
set -euo pipefail

klamm=${1:?usage: kcat.sh KLAMM_BINARY [RECORDS]}
records=${2:-100000}
command -v kcat >/dev/null || { echo "kcat is not installed (Debian: apt-get install kcat)" >&2; exit 2; }

work=$(mktemp -d)
server=
cleanup() {
    [ -n "$server" ] && { kill -9 "$server"; wait "$server"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

fail() { echo "FAILED: $*" >&2; tail -n 20 "$work/server.log" >&2 || true; exit 1; }

# Starts the server on the data directory and sets $server and $broker.
start() {
    : >"$work/server.out"
    "$klamm" serve --port "$1" --data "$work/data" >"$work/server.out" 2>>"$work/server.log" &
    server=$!
    for _ in $(seq 300); do
        port=$(sed -n 's/.*localhost:\([0-9]*\).*/\1/p' "$work/server.out" | head -n 1)
        [ -n "$port" ] && { broker=localhost:$port; return; }
        kill -0 "$server" 2>/dev/null || fail "the server ended at once"
        sleep 0.1
    done
    fail "the server did not say where it listens"
}

produce() { # topic file compression acks
    timeout 120 kcat -P -b "$broker" -t "$1" -z "$3" -X acks="$4" -X linger.ms=5 \
        -X queue.buffering.max.messages=200000 -l "$2" 2>"$work/kcat.err" \
        || { cat "$work/kcat.err" >&2; fail "producing to $1"; }
}

consume() { # topic: every record from the beginning, with its offset
    timeout 120 kcat -C -b "$broker" -t "$1" -p 0 -o beginning -e -q -f '%o %s\n' 2>"$work/kcat.err" \
        || { cat "$work/kcat.err" >&2; fail "consuming $1"; }
}

expect() { # topic file
    awk '{print NR-1, $0}' "$2" >"$work/expected"
    consume "$1" >"$work/found"
    cmp -s "$work/expected" "$work/found" || {
        diff "$work/expected" "$work/found" | head -n 5 >&2
        fail "$1: $(wc -l <"$work/found") records read, $(wc -l <"$2") expected"
    }
}

size() { wc -c <"$work/data/$1-0/00000000000000000000.log"; }

# The records compress well, so a log that is not much smaller than the plain one was not compressed.
compressed() { # compression topic
    [ "$1" = none ] || [ "$(size "$2")" -lt "$(($(size none-acks-all) / 2))" ] && return
    fail "$2 is not compressed: $(size "$2") bytes"
}

start 0
seq -f 'record-%.0f-abcdefghijklmnopqrstuvwxyz' "$records" >"$work/in"
for compression in none gzip snappy lz4 zstd; do
    for acks in 0 1 all; do
        topic=$compression-acks-$acks
        began=$(date +%s%N)
        produce "$topic" "$work/in" "$compression" "$acks"
        if [ "$acks" = 0 ]; then
            # Nobody told the producer that the broker has them: give the last bytes a moment to be read.
            for _ in $(seq 50); do
                [ "$(consume "$topic" | wc -l)" = "$records" ] && break
                sleep 0.1
            done
        fi
        expect "$topic" "$work/in"
        echo "ok $topic $((($(date +%s%N) - began) / 1000000)) ms"
    done
done

for compression in gzip snappy lz4 zstd; do compressed "$compression" "$compression-acks-all"; done

kcat -L -b "$broker" >"$work/list" 2>&1 || fail "kcat -L"
[ "$(grep -c '^  topic "' "$work/list")" -ge 15 ] || { cat "$work/list" >&2; fail "kcat -L lists too few topics"; }
echo "ok list"

# A group reads everything once; after a kill of the server it goes on where it was.
group() { # count file: so many records of the topic `grouped`, as a member of a group that commits
    timeout 60 kcat -b "$broker" -q -X group.id=kcat -X auto.offset.reset=earliest -X enable.auto.commit=true \
        -X topic.metadata.refresh.interval.ms=500 -c "$1" -f '%s\n' -G kcat grouped >"$2" 2>"$work/kcat.err" \
        || { cat "$work/kcat.err" >&2; fail "kcat -G"; }
}
head -n 1000 "$work/in" >"$work/grouped"
produce grouped "$work/grouped" none all
group 600 "$work/first-half"
{ kill -9 "$server"; wait "$server" || true; } 2>/dev/null
start "${broker#*:}"
group 400 "$work/second-half"
cat "$work/first-half" "$work/second-half" | cmp -s - "$work/grouped" || fail "the group's two halves are not the whole"
echo "ok group"

{ kill -9 "$server"; wait "$server" || true; } 2>/dev/null
start "${broker#*:}"
for compression in none gzip snappy lz4 zstd; do
    for acks in 1 all; do expect "$compression-acks-$acks" "$work/in"; done
done
echo "ok after kill -9"

# Killed while it is produced to: the producer goes on when the server is back. It may send again what it has no answer for,
# so records may be there twice; none may be missing, and none that nobody sent may appear.
printf 'first\n' >"$work/first"
produce killed "$work/first" none all
# -E: a lost connection is no reason to end.
timeout 120 kcat -E -P -b "$broker" -t killed -X acks=all -X queue.buffering.max.messages=200000 \
    -X batch.num.messages=200 -l "$work/in" 2>"$work/kcat.killed" &
producer=$!
for _ in $(seq 1000); do [ "$(size killed)" -gt 100000 ] && break; sleep 0.01; done
{ kill -9 "$server"; wait "$server" || true; } 2>/dev/null
there=$(size killed)
start "${broker#*:}"
wait "$producer" || { cat "$work/kcat.killed" >&2; fail "the producer gave up"; }
cat "$work/first" "$work/in" | sort >"$work/expected"
consume killed >"$work/found"
cut -d ' ' -f 2 "$work/found" | sort -u | cmp -s - "$work/expected" || fail "records are missing after a kill -9 in the midst"
echo "ok after kill -9 in the midst: $(($(wc -l <"$work/found") - records - 1)) records twice, $there bytes at the kill"

kill -TERM "$server"
for _ in $(seq 100); do kill -0 "$server" 2>/dev/null || break; sleep 0.1; done
kill -0 "$server" 2>/dev/null && fail "SIGTERM did not stop the server within ten seconds"
wait "$server" || fail "the server's exit status after SIGTERM was $?"
[ -e "$work/data/.kafka_cleanshutdown" ] || fail "no clean-shutdown marker"
start "${broker#*:}"
expect zstd-acks-all "$work/in"
printf 'one more\n' >"$work/more"
produce zstd-acks-all "$work/more" none all
[ "$(consume zstd-acks-all | wc -l)" = "$((records + 1))" ] || fail "a record after the restart is missing"
echo "ok after an orderly stop"
