#!/usr/bin/env bash
# Runs a program of Python with a display of its own, drawn by software, and a bus on which a screen reader may read it.
#
# What is missing is said and is a failure: a test of the window that skips looks like one that passed.
#
# usage: display.sh PROGRAM.py [ARGUMENT...]
set -euo pipefail

missing() { echo "$1 is missing (Debian: apt-get install $2)" >&2; exit 2; }
command -v Xvfb >/dev/null || missing Xvfb xvfb
command -v xdotool >/dev/null || missing xdotool xdotool
command -v dbus-run-session >/dev/null || missing dbus-run-session dbus-daemon
[ -x /usr/libexec/at-spi-bus-launcher ] || missing "the bus for screen readers" at-spi2-core
# Debian's own Python has Debian's modules; another one in the path has not.
python=/usr/bin/python3
"$python" -c 'import gi; gi.require_version("Atspi", "2.0"); from gi.repository import Atspi' 2>/dev/null ||
    missing "AT-SPI for Python" "python3-gi gir1.2-atspi-2.0"

work=$(mktemp -d)
server=
cleanup() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT

# Nothing of whoever runs this: a home, settings and a bus of its own.
mkdir -m 700 "$work/run" "$work/config" "$work/home"
export XDG_RUNTIME_DIR=$work/run XDG_CONFIG_HOME=$work/config HOME=$work/home KLAMM_WORK=$work
unset WAYLAND_DISPLAY WAYLAND_SOCKET DISPLAY
export LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe

# The server picks a free number and says it once it listens.
mkfifo "$work/number"
Xvfb -displayfd 9 -screen 0 1600x1000x24 +extension GLX -nolisten tcp 9>"$work/number" 2>"$work/xvfb.log" &
server=$!
read -r -t 60 number <"$work/number" || { cat "$work/xvfb.log" >&2; echo "Xvfb does not start" >&2; exit 2; }
export DISPLAY=:$number

# What the buses say of themselves is kept to themselves.
exec 3>&2
dbus-run-session -- sh -c 'exec "$0" -B "$@" 2>&3' "$python" "$@" 2>"$work/bus.log"
