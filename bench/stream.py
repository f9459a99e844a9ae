# SPDX-License-Identifier: MIT
"""Installing from a server over a link with delay and loss: ours, Debian's rauc (which downloads first), and a plain
curl of the same file on the same link. What is wanted is max(curl, the same bundle installed from a local file)."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess

import material

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
RTT, LOSS = (0, 5, 50, 300), (0, 0.5)
CODEC = "zstd"
AGAIN_RTT = 50


def job(folder, args, made, targets, programs):
    rtts, losses = args.rtt or RTT, args.loss or LOSS
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    order = {"image": str(made["image"]), "bundle": str(made["bundle"]), "keyring": str(material.KEYRING), "rounds": args.rounds,
             "points": [(rtt, loss, http2) for rtt in rtts for loss in losses for http2 in (False, True)], "seconds": args.seconds,
             "again": [made[key].name for key in ("bundle", "adaptive")], "again_rtt": AGAIN_RTT, "targets": targets, "work": "/run/rauc-bench", "ours": programs["ours"],
             "fetch": str(pathlib.Path(programs["ours"]).parent / "fetch" / "rauc-fetch"), "debian": programs.get("debian")}
    (folder / "job.json").write_text(json.dumps(order, indent=1))
    return folder


def materials(out, size):
    image = material.image_of(out, size)
    made = {"image": image}
    for key, adaptive in (("bundle", False), ("adaptive", True)):
        made[key] = out / f"rootfs-{size}-verity-{CODEC}{'-adaptive' if adaptive else ''}.raucb"
        if not made[key].exists():
            print(f"bench: making {made[key].name}", flush=True)
            material.make_bundle(made[key], image, "verity", CODEC, adaptive)
    return made


def on_host(args, out, programs):
    """On all cores."""
    if os.geteuid() != 0:
        return "stream, host: needs root (network namespaces, loop devices)"
    made = materials(out, args.size)
    files = [material.empty(out / f"target.stream{n}", args.size) for n in (0, 1)]
    loops = []
    try:
        for file in files:
            made_loop = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", file], capture_output=True, text=True)
            if made_loop.returncode:
                return f"stream, host: losetup: {made_loop.stderr.strip()}"
            loops.append(made_loop.stdout.strip())
        folder = job(out / "stream-host", args, made, loops, programs | {"debian": None})  # no dm-verity to count on
        done = subprocess.run([HERE / "measure-stream", folder], timeout=7200)
        return None if done.returncode == 0 else "stream, host: measuring failed"
    finally:
        for loop in loops:
            subprocess.run(["losetup", "--detach", loop], check=False)
        for file in files:
            file.unlink()


def in_guest(args, out, programs):
    made = materials(out, args.size)
    files = [material.empty(out / f"target.stream{n}", args.size) for n in (0, 1)]
    folder = job(out / "stream-guest", args, made, ["/dev/ubda", "/dev/ubdb"], programs)
    try:
        done = subprocess.run([TOP / "test" / "vm" / "run", "--seconds", "7200", "--memory", "1536", "--writable", folder,
                               "--disk", files[0], "--disk", files[1], "--", HERE / "measure-stream", folder],
                              timeout=7300, stdin=subprocess.DEVNULL)
        return None if done.returncode == 0 else f"stream, guest: measuring failed (exit status {done.returncode})"
    finally:
        for file in files:
            file.unlink()


# --- The table ------------------------------------------------------------------


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def seconds(run):
    """A time; "~": time was up, and this is how long it would have taken; ">": everything had come already."""
    mark = "~" if run["late"] else ""
    if run["late"] and run["estimate"] < run["wall"] * 1.05:
        return f">{run['wall']:.1f}"
    return f"{mark}{run['estimate']:.1f}"


def row(cells):
    return "  " + f"{cells[0]:26}" + f"{cells[1]:18}" + "".join(f"{cell:>12}" for cell in cells[2:])


def ratio(run, floor):
    return f"{run['estimate'] / floor:.2f}" if floor and run["who"] not in ("curl", "both") else ""


def worked(run):
    """CPU seconds of the whole machine, or what they would have been to the end."""
    return run["machine cpu"] * run["estimate"] / run["wall"]


def cells_of(run, size, wanted, least):
    return [seconds(run), f"{worked(run):.1f}", ratio(run, wanted), ratio(run, least), f"{run['wire'] / 1e6:.1f}", f"{run['body'] / size:.3%}" if not run["late"] else "-",
            str(run["requests"]), f"{run['rss'] / (1 << 20):.1f}"]


def middle(runs):
    """One run for all of a kind: that of the median time, with the largest of what has to stay small."""
    good = sorted((r for r in runs if r["right"]), key=lambda r: r["estimate"])
    if len(good) < len(runs):
        return None
    return good[(len(good) - 1) // 2] | {key: max(r[key] for r in good) for key in ("rss", "requests", "body")}


def by_point(runs):
    """{(point, loss, protocol): {who: runs}} in the order they were measured."""
    points = {}
    for run in runs:
        points.setdefault(tuple(run[key] for key in ("point", "loss", "protocol")), {}).setdefault(run["who"], []).append(run)
    return points


NAMES = {"both": "curl beside local"}


def rows_of(where, kinds, local, size):
    found = {who: middle(runs) for who, runs in kinds.items()}
    curl, both = found.get("curl"), found.get("both")
    wanted = max(curl["estimate"], local) if curl and local else None
    least = both["estimate"] if both and not both["late"] else None
    for who, run in found.items():
        yield row([", ".join(where), NAMES.get(who, who), *(cells_of(run, size, wanted, least) if run else ["failed"])])


def show(results):
    about, runs = results["about"], results["runs"]
    size = about["bundle bytes"]
    local = [r for r in runs if r["point"] == "local" and r["right"]]
    lines = ["", f"== streaming, {about['place']} ==", *(f"  {key}: {value}" for key, value in about.items() if key != "place"), ""]
    lines.append(row(["", "", "time s", "machine", "/max(curl,", "/curl be-", "wire MB", "body of", "requests", "sum of peak"]))
    lines.append(row(["", "", "", "CPU s", "local)", "side local", "", "bundle", "", "RSS MiB"]))
    if local:
        lines.append(row(["local file", "ours", f"{median(local, 'wall'):.1f}", f"{median(local, 'machine cpu'):.1f}", "", "", "", "", "",
                          f"{median(local, 'rss') / (1 << 20):.1f}"]))
    for where, kinds in by_point(r for r in runs if r["point"] != "local").items():
        lines += rows_of(where, kinds, median(local, "wall") if local else None, size)
    lines.append("")
    lines.append(f"  ~ ended after {about['seconds']} s: how long the whole would have taken at its rate; > everything had come by then")
    return "\n".join(lines)


def run(args, out, programs, about, places):
    """Everything about it; the reasons of what could not be measured."""
    if "ours" not in programs:
        return ["stream: no rauc to measure"]
    failed = []
    for place in places:
        work = {"host": on_host, "guest": in_guest}[place]
        if why := work(args, out, programs):
            failed.append(why)
        found = out / f"stream-{place}" / "runs.json"
        if not found.exists():
            continue
        size = materials(out, args.size)["bundle"].stat().st_size
        results = {"about": about | {"place": place, "bundle bytes": size, "seconds": args.seconds}, "runs": json.loads(found.read_text())}
        (out / f"stream-{place}.json").write_text(json.dumps(results, indent=1))
        print(show(results), flush=True)
    return failed
