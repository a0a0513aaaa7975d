"""Makes the pictures of the window that the README and the book show: the real window, the same scenario, seed and place.

usage: display.sh screenshots.py KLAMM_VIZ [NAME...]     wants ImageMagick besides
"""

import os
import shutil
import subprocess
import sys

from app import App, Failed, announce_a_screen_reader, until

VIZ = os.path.abspath(sys.argv[1])
PLACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../book/src/guide/window")
SETTINGS = os.path.join(os.environ["XDG_CONFIG_HOME"], "klamm/window.ron")
LARGEST = 150_000

# Nothing that a picture before has left, and no question over what is to be seen.
PLAIN = """(
    version: 1, language: "en", palette: "light", scale: 100, recent: [], layout: None, asks: Some(false),
)
"""


def lesson(tab, at, *more):
    """The arguments for a place in the main lesson."""
    return ["lessons/leader-crash", "--seed", "7", "--tab", tab, "--at", at, *more]


def whole(app):
    """Waits until the run is over and the place is reached."""
    app.wait("everything held")


def asks(app):
    """Asks why a follower's high watermark is what it is."""
    whole(app)
    app.click("HW 238")
    app.wait("is 238")


def follows(app):
    """Picks a message: what led to it and what followed stands out."""
    whole(app)
    app.click("Produce", "producer-2")
    app.wait("FrameSent")


def breaks(app):
    """Crashes a broker that the scenario does not crash."""
    whole(app)
    app.click("broker-3, running")
    app.click("Crash the picked node")
    app.wait("broker-3 crashes at")
    app.wait("broker-3", "crashed")
    until("the branch has run", lambda: app.named("everything held") or app.named("did not hold"))


def presents(app):
    """Goes to the presenter's view."""
    whole(app)
    app.key("F5")
    app.gone("Guide")


PICTURES = {
    "library": (["--theme", "light"], lambda app: app.wait("lessons/leader-crash")),
    "cluster": (lesson("cluster", "12s", "--theme", "light"), whole),
    "logs-why-dark": (lesson("logs", "8s", "--theme", "dark"), asks),
    "sequence": (lesson("sequence", "beat:4", "--theme", "light"), follows),
    "branch-dark": (lesson("cluster", "6s", "--theme", "dark"), breaks),
    "groups-korean": (
        ["questions/stop-the-world", "--tab", "groups", "--at", "beat:2", "--theme", "light", "--lang", "ko"],
        lambda app: app.wait("모두 지켜짐"),
    ),
    "presenter": (lesson("cluster", "beat:5", "--theme", "light"), presents),
}


def main():
    """Makes the pictures that are named, or all."""
    if not (shutil.which("import") and shutil.which("convert")):
        sys.exit("ImageMagick is missing (Debian: apt-get install imagemagick)")
    announce_a_screen_reader()
    os.makedirs(PLACE, exist_ok=True)
    os.makedirs(os.path.dirname(SETTINGS), exist_ok=True)
    for name in sys.argv[2:] or PICTURES:
        arguments, pose = PICTURES[name]
        with open(SETTINGS, "w") as file:
            file.write(PLAIN)
        path = os.path.join(PLACE, f"{name}.png")
        with App(VIZ, *arguments) as app:
            app.resize(1360, 850)
            pose(app)
            app.still(path)
        subprocess.run(
            ["convert", path, "-strip", "+dither", "-colors", "160", "-define", "png:compression-level=9", f"PNG8:{path}"],
            check=True,
        )
        size = os.path.getsize(path)
        print(f"{name}: {size} bytes", flush=True)
        if size > LARGEST:
            raise Failed(f"{path} is larger than {LARGEST} bytes")


main()
