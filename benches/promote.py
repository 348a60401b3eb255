#!/usr/bin/env python3
"""Times `stages` and `promote` over 200 streams with 5 stages each and 20,000 votes, and their memory, against a bare read.

    cargo build --release && benches/promote.py WORKDIR [ROUNDS [BINARY]]

The bare read is a `find` over the mirror that prints type and name, followed by a `cat` of the journal and of every record:
what nobody can do without. 20 builds a stream are adopted, and each gets five votes; only the newest has all that a stage requires. The rounds are
interleaved; each begins with a copy of the same mirror, so that `promote` moves the same 1,000 names.
"""
import json, os, shutil, statistics, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
here = os.path.dirname(os.path.abspath(__file__))
binary = sys.argv[3] if len(sys.argv) > 3 else os.path.join(here, "..", "target", "release", "mirrorkeep")
STREAMS, BUILDS, JOBS = 200, 20, ("a", "b", "c", "d", "e")
PIPELINE = "pipeline: 1\nstages:\n" + "".join(
    f"  - {{ name: green-{n}, streams: '**', require: {{ votes: [{', '.join(JOBS)}] }} }}\n" for n in range(1, 6))


def run(*args):
    subprocess.run([binary, *args], check=True, stdout=subprocess.DEVNULL)


def lay(mirror):
    run("--mirror", mirror, "init", "--layout", "generic")
    with open(os.path.join(work, "pipeline.yaml"), "w") as out:
        out.write(PIPELINE)
    with open(os.path.join(work, "layout.yaml"), "w") as out:
        text = subprocess.run([binary, "layout", "show", "--layout", "generic"], check=True, capture_output=True, text=True).stdout
        more = "".join(f"\n  - {{ name: green-{n}, by_hand: true }}" for n in range(1, 6))
        last = "  - { name: testing, by_hand: true }"
        out.write(text.replace(last, last + more))
    run("--mirror", mirror, "layout", "set", os.path.join(work, "layout.yaml"))
    run("--mirror", mirror, "pipeline", "set", os.path.join(work, "pipeline.yaml"))
    for stream in range(STREAMS):
        for day in range(1, BUILDS + 1):
            build = os.path.join(mirror, f"branch-{stream:03}/debian/202606{day:02}T020000Z")
            os.makedirs(build)
            for name in ("success", "tool.iso"):
                open(os.path.join(build, name), "w").close()
    run("--mirror", mirror, "adopt")
    for stream in range(STREAMS):
        for day in range(1, BUILDS + 1):
            record = os.path.join(mirror, f".mirrorkeep/builds/branch-{stream:03}/debian/202606{day:02}T020000Z.json")
            with open(record) as file:
                value = json.load(file)
            result = lambda job: "failure" if job == "e" and day < BUILDS else "success"
            value["labels"] = {
                f"vote/{job}": {"value": result(job), "since": "2026-06-30T00:00:00Z", "who": "ci"} for job in JOBS
            }
            with open(record, "w") as file:
                json.dump(value, file)


def measured(args):
    began = time.perf_counter()
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{args}: exit {status}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


os.makedirs(work, exist_ok=True)
laid, mirror = os.path.join(work, "laid"), os.path.join(work, "mirror")
if not os.path.exists(laid):
    lay(laid)
bare = ["sh", "-c", f"find {mirror} -printf '%y %p\\n'; find {mirror}/.mirrorkeep -type f -exec cat {{}} +"]
cases = {
    "bare read": bare,
    "stages": [binary, "--mirror", mirror, "stages"],
    "promote, all move": [binary, "--mirror", mirror, "promote"],
    "promote, none moves": [binary, "--mirror", mirror, "promote"],
}
found = {name: [] for name in cases}
for _ in range(rounds):
    shutil.rmtree(mirror, ignore_errors=True)
    subprocess.run(["cp", "-a", laid, mirror], check=True)
    for name, args in cases.items():
        found[name].append(measured(args))
base = statistics.median(wall for wall, _, _ in found["bare read"])
for name, all_of_it in found.items():
    wall, cpu, memory = (statistics.median(column) for column in zip(*all_of_it))
    print(f"{name:22} {wall:6.2f} s  {cpu:6.2f} s CPU  {memory:4.0f} MiB  {wall / base:5.2f} of the bare read")
