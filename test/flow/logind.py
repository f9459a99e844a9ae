#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A logind for a private bus: logind.py LOG INHIBITORS. Calls go into LOG; INHIBITORS is a file with a line
"what|who|why|mode" for each, read at every call."""

import pathlib
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

LOG, INHIBITORS = map(pathlib.Path, sys.argv[1:3])
XML = """<node><interface name="org.freedesktop.login1.Manager">
<method name="ListInhibitors"><arg type="a(ssssuu)" direction="out"/></method>
<method name="RebootWithFlags"><arg type="t" direction="in"/></method>
</interface></node>"""


def inhibitors():
    lines = INHIBITORS.read_text().splitlines() if INHIBITORS.exists() else []
    return [(*line.split("|"), 0, 4711) for line in lines]


def on_call(bus, sender, path, interface, method, parameters, invocation):
    if method == "ListInhibitors":
        invocation.return_value(GLib.Variant("(a(ssssuu))", (inhibitors(),)))
        return
    with open(LOG, "a") as log:
        log.write(f"{method}{parameters.print_(False)}\n")
    invocation.return_value(None)


def main():
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    node = Gio.DBusNodeInfo.new_for_xml(XML)
    bus.register_object("/org/freedesktop/login1", node.interfaces[0], on_call)
    Gio.bus_own_name_on_connection(bus, "org.freedesktop.login1", Gio.BusNameOwnerFlags.NONE, None, None)
    print("ready", flush=True)
    GLib.MainLoop().run()


main()
