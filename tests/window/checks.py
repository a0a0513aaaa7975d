"""The real window on a real display, from its start to its end: run by display.sh.

usage: checks.py KLAMM_VIZ KLAMM [CHECK...]
"""

import os
import re
import subprocess
import sys
import time

from app import App, Atspi, Failed, announce_a_screen_reader, until

VIZ, KLAMM = sys.argv[1:3]
WORK = os.environ["KLAMM_WORK"]


def expect(so, what):
    """Fails if something is not so."""
    if not so:
        raise Failed(what)


def event_of(app):
    """The number of the event at which the window stands."""
    line = app.wait(" s, event ").get_name()
    return int(re.search(r"event (\d+)", line)[1])


def stands_at(app, event):
    """Waits until the window stands at an event."""
    until(f"it stands at event {event}", lambda: event_of(app) == event)


def write(name, content):
    """A file to open."""
    path = os.path.join(WORK, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def walks():
    """Opens a scenario that is named, reads the lanes, steps forth and back, and takes another size."""
    with App(VIZ, "lessons/leader-crash", "--seed", "7", "--at", "7557", "--tab", "logs") as app:
        # The whole run is there: only then is it known what it came to.
        app.wait("everything held")
        for lane in (
            ("broker-1, crashed", "log end 242", "knows high watermark 239"),
            ("broker-2, follower of 1, in ISR", "log end 239", "knows high watermark 238"),
            ("broker-3, follower of 1, in ISR", "log end 239"),
        ):
            app.wait(*lane)
        stands_at(app, 7557)
        for keys, event in (("Right", 7558), ("Right", 7559), ("Left", 7558), ("shift+Left", 7548)):
            app.key(keys)
            stands_at(app, event)
        app.key("Home")
        stands_at(app, 0)
        app.click("Show the quorum")
        app.wait("Quorum of ")
        app.key("2")
        app.wait("Logs of ")
        app.resize(1024, 700)
        until("it has the size", lambda: (lambda at: (at.width, at.height) == (1024, 700))(
            Atspi.Component.get_extents(app.root, Atspi.CoordType.WINDOW)))
        app.wait("Logs of ")
        expect(app.close() == 0, "it closes with status 0")


def branches():
    """Crashes a broker that nobody crashed: a branch appears, and the run as it was is a click away."""
    with App(VIZ, "lessons/leader-crash", "--at", "5s") as app:
        app.wait("everything held")
        app.click("broker-3, running")
        app.click("Crash the picked node")
        app.wait("broker-3 crashes at 5")
        app.wait("broker-3, crashed")
        app.click("the run as it was")
        app.wait("broker-3, running")
        expect(app.named("broker-3 crashes at 5"), "the branch is not erased")
        expect(app.close() == 0, "it closes with status 0")


def remembers():
    """What a person arranged and chose is there at the next start."""
    with App(VIZ, "lessons/keys-and-order") as app:
        app.wait("Guide")
        app.key("F7")
        app.gone("Guide")
        app.key("l")
        app.wait("시간표 늘이기")
        expect(app.close() == 0, "it closes with status 0")
    with App(VIZ, "lessons/keys-and-order") as app:
        app.wait("시간표 늘이기")
        app.wait("살펴보기")
        expect(app.named("안내") is None, "the guide stays closed")
        app.key("l")
        app.key("F6")
        app.wait("Guide")
        expect(app.close() == 0, "it closes with status 0")


def refuses():
    """What can't be opened is said, with its place, and can be tried again."""
    path = write("broken.ron", b'(\n  version: 1,\n  title: "Mine",\n  question: "?",\n  duration: "ten",\n)\n')
    with App(VIZ, path) as app:
        app.wait("line 5, column")
        app.wait("is not a duration")
        write("broken.ron", b'(version: 1, title: "Mine", question: "?", duration: "1s")')
        app.click("Try again")
        app.wait(" s, event ")
        expect(app.close() == 0, "it closes with status 0")
    whole = os.path.join(WORK, "whole.trace")
    subprocess.run(
        [KLAMM, "run", path, "--trace", whole, "--color", "never"], check=True, capture_output=True, timeout=120
    )
    with open(whole, "rb") as file:
        content = file.read()
    with App(VIZ, whole) as app:
        app.wait(" s, event ")
    cut = write("cut.trace", content[: len(content) // 2])
    with App(VIZ, cut) as app:
        app.wait("cut.trace", "cut off")
        app.key("Escape")
        app.wait("lessons/leader-crash")
        expect(app.close() == 0, "it closes with status 0")


def needs_a_display():
    """Where there is no display it says so and ends with status 2; so it does where the display does not answer."""
    for display in ({}, {"DISPLAY": ":4711"}):
        place = {name: value for name, value in os.environ.items() if name != "DISPLAY"} | display
        ended = subprocess.run([VIZ], env=place, capture_output=True, text=True, timeout=60)
        expect(ended.returncode == 2, f"{display}: status {ended.returncode}: {ended.stderr}")
        expect(ended.stderr.startswith("error: ") and "panicked" not in ended.stderr, ended.stderr)


CHECKS = [needs_a_display, walks, branches, remembers, refuses]


def main():
    """Runs the checks that are named, or all."""
    announce_a_screen_reader()
    wanted = set(sys.argv[3:])
    unknown = wanted - {check.__name__ for check in CHECKS}
    if unknown:
        sys.exit(f"no such check: {', '.join(sorted(unknown))}")
    for check in CHECKS:
        if wanted and check.__name__ not in wanted:
            continue
        begun = time.monotonic()
        try:
            check()
        except Failed as failed:
            sys.exit(f"FAILED {check.__name__}: {failed}")
        print(f"ok {check.__name__} {time.monotonic() - begun:.1f} s", flush=True)


main()
