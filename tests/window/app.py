"""The real window as a screen reader sees it: found, read and clicked by name, and typed at.

Nothing here waits for a time: it waits until something is so, and fails when that takes too long.
"""

import ctypes
import os
import subprocess
import time

import gi

gi.require_version("Atspi", "2.0")
gi.require_version("Gio", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402

PATIENCE = float(os.environ.get("KLAMM_PATIENCE", "90"))


class ClientMessage(ctypes.Structure):
    """X's event by which a window is told something: see XClientMessageEvent(3)."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 24),
    ]


def ask_to_close(window):
    """What a window manager does when one clicks the button in a window's frame; here there is no window manager."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    atom = lambda name: x11.XInternAtom(display, name, 0)
    event = ClientMessage(type=33, send_event=1, window=window, format=32)
    event.message_type = atom(b"WM_PROTOCOLS")
    event.data[0] = atom(b"WM_DELETE_WINDOW")
    x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
    x11.XCloseDisplay(display)


class Failed(Exception):
    """Something is not as it must be."""


def announce_a_screen_reader():
    """Programs tell of themselves only when somebody listens."""
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    for key in ("IsEnabled", "ScreenReaderEnabled"):
        value = GLib.Variant("(ssv)", ("org.a11y.Status", key, GLib.Variant("b", True)))
        bus.call_sync(
            "org.a11y.Bus", "/org/a11y/bus", "org.freedesktop.DBus.Properties", "Set", value,
            None, Gio.DBusCallFlags.NONE, 60_000, None,
        )
    Atspi.init()


def until(what, find):
    """Waits until `find` gives something, and gives that."""
    end = time.monotonic() + PATIENCE
    context = GLib.MainContext.default()
    while True:
        while context.iteration(False):
            pass
        try:
            found = find()
        except GLib.Error:
            # What is being read has just gone.
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"after {PATIENCE:.0f} s still not: {what}")
        time.sleep(0.02)


def pixels(path):
    """What is in a picture, without the time at which it was made."""
    return subprocess.run(["convert", path, "rgb:-"], check=True, capture_output=True, timeout=PATIENCE).stdout


class App:
    """A window that runs."""

    def __init__(self, program, *arguments):
        self.log = open(os.path.join(os.environ["KLAMM_WORK"], "window.log"), "a+")
        self.process = subprocess.Popen([program, *arguments], stdout=self.log, stderr=self.log)
        self.window = until("the window is there", self._window)
        # Without a window manager nobody gives it the keyboard.
        self._xdotool("windowfocus", "--sync", self.window)
        self.root = until("it tells what is in it", self._root)

    def _window(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise Failed(f"the window ended at once: {self.log.read()[-2000:]}")
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid), "--name", "^Klamm$"],
            capture_output=True, text=True,
        )
        return found.stdout.split()[0] if found.stdout.split() else None

    def _root(self):
        desktop = Atspi.get_desktop(0)
        for at in range(desktop.get_child_count()):
            app = desktop.get_child_at_index(at)
            if app is not None and app.get_process_id() == self.process.pid and app.get_child_count():
                app.set_cache_mask(Atspi.Cache.NONE)
                return app.get_child_at_index(0)
        return None

    def _xdotool(self, *arguments):
        subprocess.run(["xdotool", *arguments], check=True, capture_output=True, timeout=PATIENCE)

    def all(self):
        """Everything in the window, in reading order."""
        left = [self.root]
        while left:
            node = left.pop()
            yield node
            count = node.get_child_count()
            left.extend(filter(None, (node.get_child_at_index(at) for at in reversed(range(count)))))

    def names(self):
        """Every name in the window."""
        return [name for name in (node.get_name() for node in self.all()) if name]

    def named(self, *parts):
        """The first thing whose name has all these parts in it."""
        for node in self.all():
            name = node.get_name()
            if name and all(part in name for part in parts):
                return node
        return None

    def wait(self, *parts):
        """Waits for something by its name."""
        try:
            return until(f"there is {' … '.join(parts)}", lambda: self.named(*parts))
        except Failed as failed:
            raise Failed(f"{failed}; there is\n  " + "\n  ".join(self.names()[:200])) from None

    def gone(self, *parts):
        """Waits until nothing has a name any more."""
        until(f"there is no {' … '.join(parts)}", lambda: self.named(*parts) is None)

    def click(self, *parts):
        """Does what a click on something would do, by the action that it offers."""
        node = self.wait(*parts)
        actions = node.get_action_iface()
        if actions is None or actions.get_n_actions() < 1 or not actions.do_action(0):
            raise Failed(f"{node.get_name()} can't be clicked")

    def key(self, *keys):
        """Types keys, as X names them."""
        self._xdotool("key", "--clearmodifiers", *keys)

    def resize(self, width, height):
        """Gives the window another size."""
        self._xdotool("windowsize", "--sync", self.window, str(width), str(height))

    def picture(self, path):
        """What X shows of the window."""
        subprocess.run(["import", "-window", self.window, path], check=True, timeout=PATIENCE)

    def still(self, path):
        """A picture of the window once it moves no more: two in a row are alike. The pointer is out of the way."""
        self._xdotool("mousemove", "1599", "999")

        def same():
            before = getattr(self, "before", None)
            self.picture(path)
            self.before = pixels(path)
            return self.before == before

        until("it stands still", same)

    def close(self):
        """Asks the window to close, as the button in its frame does, and gives its exit status."""
        ask_to_close(int(self.window))
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed("it does not close") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
