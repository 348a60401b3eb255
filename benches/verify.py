#!/usr/bin/env python3
"""Times verifying a build against sha256sum and openssl, interleaved, and prints medians and ratios.

    cargo build --release && benches/verify.py WORKDIR [ROUNDS [BINARY]]

One build of 2 GB in 5,000 files of 4 KB to 64 MB. Warm rounds read from memory: `sha256sum` with two processes at once
(`xargs -P2`) and `openssl dgst -sha256`, which uses the processor's SHA instructions where Debian's coreutils does not.
Cold rounds drop the page cache first: `sha256sum` with one process. After a cold run it is told how many bytes of the
build are in the page cache (fincore), which should be next to none. WORKDIR needs 5 GB.
"""
import os, random, shutil, statistics, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
here = os.path.dirname(os.path.abspath(__file__))
binary = sys.argv[3] if len(sys.argv) > 3 else os.path.join(here, "..", "target", "release", "mirrorkeep")
source, mirror = os.path.join(work, "source"), os.path.join(work, "mirror")
build = os.path.join(mirror, "master/centos/20260101T060000Z")


def make():
    """Makes 2 GB in files as a build has them: many small ones, some large, one image."""
    draw = random.Random(7)
    sizes = [64 << 20] * 4 + [8 << 20] * 60 + [1 << 20] * 700
    rest = 5000 - len(sizes)
    sizes += [draw.randrange(4 << 10, 2 * (2_000_000_000 - sum(sizes)) // rest) for _ in range(rest)]
    block = draw.randbytes(1 << 20)
    for n, size in enumerate(sizes):
        at = os.path.join(source, "outputs/RPMS/std", f"d{n % 50:02}")
        os.makedirs(at, exist_ok=True)
        with open(os.path.join(at, f"package-{n:04}-1.2.3-4.x86_64.rpm"), "wb") as out:
            out.write(n.to_bytes(8, "big"))
            left = size - 8
            while left > 0:
                out.write(block[: min(left, len(block))])
                left -= len(block)


def timed(command, cold):
    if cold:
        subprocess.run("sync", check=True)
        with open("/proc/sys/vm/drop_caches", "w") as out:
            out.write("3")
    began = time.perf_counter()
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def cached():
    """Returns how many bytes of the build are in the page cache."""
    lines = subprocess.run(f"find {build} -type f -print0 | xargs -0 fincore --bytes --noheadings --raw --output RES",
                           shell=True, check=True, capture_output=True, text=True).stdout
    return sum(int(line) for line in lines.split())


def race(title, sides, cold):
    times = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, command in sides.items():
            seconds = timed(command, cold)
            if turn:
                times[name].append(seconds)
            if turn and cold and name == "mirrorkeep verify":
                print(f"  left in the page cache: {cached() >> 20} MiB", flush=True)
    print(title)
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(times["mirrorkeep verify"], values))
        print(f"  {name:28} median {statistics.median(values):6.3f} s  ratio {ratio:5.2f}", flush=True)


os.makedirs(work, exist_ok=True)
if not os.path.exists(build):
    shutil.rmtree(source, ignore_errors=True)
    shutil.rmtree(mirror, ignore_errors=True)
    make()
    subprocess.run([binary, "--mirror", mirror, "init", "--layout", "starlingx"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([binary, "--mirror", mirror, "publish", source, "--stream", "master/centos", "--build", os.path.basename(build)],
                   check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(source)
ours = f"{binary} --mirror {mirror} verify master/centos/{os.path.basename(build)}"
files = f"find {build} -type f -print0 | xargs -0 -n 64"
timed(f"{files} cat", False)
race("warm", {"mirrorkeep verify": ours, "xargs -P2 sha256sum": f"{files} -P2 sha256sum",
              "xargs -P2 openssl dgst": f"{files} -P2 openssl dgst -sha256"}, False)
race("cold", {"mirrorkeep verify": ours, "sha256sum": f"{files} sha256sum", "openssl dgst": f"{files} openssl dgst -sha256"}, True)
