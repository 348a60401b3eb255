#!/usr/bin/env python3
"""Measures how long a plan of 100,000 builds in 100 streams takes, and how much memory.

    cargo build --release && benches/plan.py WORKDIR

Once from a census file, with two shipped policies, and once from a real tree of as many small builds that others
laid down: a marker and a file each.
"""
import datetime, json, os, shutil, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
binary = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "release", "mirrorkeep")
start = datetime.datetime(2026, 6, 15, 3)


def stamps(stream):
    for n in range(1000):
        yield start - datetime.timedelta(hours=6 * n + stream % 5, minutes=7)


def census(path):
    streams, aliases = [], []
    for s in range(100):
        name, builds = f"feature/f{s}/centos", []
        for n, at in enumerate(stamps(s)):
            iso = at.isoformat() + "Z"
            builds.append({
                "build": at.strftime("%Y%m%dT%H%M%SZ"), "created": iso, "seq": 0, "published": iso,
                "result": "success" if n % 5 else "fail", "files": 10, "bytes": 9_000_000_000,
                "labels": {"sanity": {"value": ["green", "yellow", "red"][n % 3], "since": iso}},
                "holds": [], "requires": [], "problem": None,
            })
        streams.append({"stream": name, "builds": builds})
        aliases.append({"path": f"{name}/latest_build", "target": f"{name}/{builds[1]['build']}", "required": True, "moves": []})
    with open(path, "w") as out:
        json.dump({"census": 1, "at": start.isoformat() + "Z", "streams": streams, "aliases": aliases, "strays": []}, out)


def tree(root):
    for s in range(100):
        for at in stamps(s):
            outputs = os.path.join(root, f"feature/f{s}/centos", at.strftime("%Y%m%dT%H%M%SZ"), "outputs")
            os.makedirs(os.path.join(outputs, "iso"))
            for file in ("success", "iso/bootimage.iso"):
                open(os.path.join(outputs, file), "w").close()
        os.symlink(at.strftime("%Y%m%dT%H%M%SZ"), os.path.join(root, f"feature/f{s}/centos", "latest_build"))


def measured(title, *args):
    best = None
    for _ in range(3):
        began = time.perf_counter()
        with open(os.devnull, "w") as null:
            process = subprocess.Popen([binary, *args], stdout=null, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        best = min(best or (seconds, 0), (seconds, usage.ru_maxrss))
    print(f"{title:44} best of 3 {best[0]:6.2f} s  {best[1] // 1024} MiB", flush=True)


os.makedirs(work, exist_ok=True)
file, mirror = os.path.join(work, "census.json"), os.path.join(work, "mirror")
census(file)
for policy in ("starlingx", "starlingx-production"):
    measured(f"census file, {policy}, JSON", "--json", "plan", "--census", file, "--policy", policy)
measured("census file, starlingx, table", "plan", "--census", file, "--policy", "starlingx")
shutil.rmtree(mirror, ignore_errors=True)
subprocess.run([binary, "--mirror", mirror, "init", "--layout", "starlingx"], check=True, stdout=subprocess.DEVNULL)
tree(mirror)
measured("100,000 builds on disk, all kept", "--mirror", mirror, "plan", "--at", "2020-01-01T00:00:00Z")
measured("100,000 builds on disk, most to go", "--mirror", mirror, "plan", "--at", "2026-12-01T00:00:00Z")
