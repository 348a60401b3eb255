#!/usr/bin/env python3
"""Times checking a mirror of 1,000,000 files in 5,000 builds against find, interleaved, and prints medians and ratios.

    cargo build --release && benches/check.py WORKDIR [ROUNDS [BINARY]]

WORKDIR should be on a journaled ext4 or xfs with three million inodes (`mkfs.ext4 -N 3000000` on a loop image). What
find prints of every entry is type, mode, size and name. Both read a warm tree. The same trees are checked twice: as
scripts left them, without a record, and as mirrorkeep keeps them, with record, manifest and SHA256SUMS. A mirror of as
many builds with a tenth of the files shows whether memory grows with the files. Trees that are there are used again.
"""
import os, statistics, subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta

work = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
here = os.path.dirname(os.path.abspath(__file__))
binary = sys.argv[3] if len(sys.argv) > 3 else os.path.join(here, "..", "target", "release", "mirrorkeep")
start = datetime(2026, 1, 1, 6)
streams, builds = 50, 100
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def build(root, files):
    """Lays out one build with that many files."""
    def put(at, text):
        with open(os.path.join(root, at), "w") as out:
            out.write(text)

    for dir in ("inputs/RPMS", "inputs/downloads", "outputs/RPMS/std", "outputs/RPMS/rt", "outputs/iso", "outputs/logs"):
        os.makedirs(os.path.join(root, dir))
    put("outputs/CONTEXT", f"(cd ./cgcs-root && git checkout -f {COMMIT})\n")
    put("outputs/iso/bootimage.iso", "image")
    put("outputs/logs/build.log", "log")
    for n in range(files - 4):
        dir = ("outputs/RPMS/std", "outputs/RPMS/rt", "inputs/RPMS", "inputs/downloads")[n % 8 // 2]
        put(f"{dir}/python3-some-package-{n:04}-1.2.3-4.el7.tis.x86_64.rpm", f"package {n}")
    put("outputs/success", "")


def stream(mirror, number, files):
    """Lays out one stream, `latest_build` included."""
    home = os.path.join(mirror, f"feature/f{number}/centos")
    for n in range(builds):
        name = (start + timedelta(hours=6 * n, minutes=number)).strftime("%Y%m%dT%H%M%SZ")
        build(os.path.join(home, name), files)
    os.symlink(name, os.path.join(home, "latest_build"))


def lay(mirror, files):
    """Lays out a mirror as scripts would."""
    if os.path.exists(mirror):
        return
    subprocess.run([binary, "--mirror", mirror, "init", "--layout", "starlingx"], check=True, stdout=subprocess.DEVNULL)
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(stream, [mirror] * streams, range(streams), [files] * streams))
    subprocess.run("sync", check=True)


def run(command, wanted):
    """Returns seconds and peak memory in KiB."""
    began = time.perf_counter()
    with open(os.path.join(work, "out"), "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    assert code in wanted, f"{command} ended with {code}"
    return seconds, usage.ru_maxrss


def race(title, mirror):
    check = [binary, "--mirror", mirror, "check", "--format", "json"]
    # What mirrorkeep keeps for itself is not served, and find would not be asked for it.
    find = ["find", mirror, "-name", ".mirrorkeep", "-prune", "-o", "-printf", "%y %m %s %f\n"]
    sides = {"mirrorkeep check": check, "find -printf": find}
    times, peak = {name: [] for name in sides}, 0
    for turn in range(rounds + 1):
        for name, command in sides.items():
            seconds, memory = run(command, {0, 5})
            if turn:
                times[name].append(seconds)
            if name == "mirrorkeep check":
                peak = max(peak, memory)
    ratio = statistics.median(a / b for a, b in zip(times["mirrorkeep check"], times["find -printf"]))
    print(title)
    for name, values in times.items():
        print(f"  {name:20} median {statistics.median(values):6.3f} s")
    print(f"  ratio {ratio:.2f}, peak {peak // 1024} MiB", flush=True)


large, small = os.path.join(work, "large"), os.path.join(work, "small")
os.makedirs(work, exist_ok=True)
for mirror, files in ((large, 200), (small, 20)):
    if not os.path.exists(mirror):
        lay(mirror, files)
        race(f"{files * streams * builds:,} files, as scripts left them", mirror)
        subprocess.run([binary, "--mirror", mirror, "adopt", "--write-sums"], check=True, stdout=subprocess.DEVNULL)
    race(f"{files * streams * builds:,} files, with record, manifest and SHA256SUMS", mirror)
