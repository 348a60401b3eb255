#!/usr/bin/env python3
"""Times publishing against rsync, interleaved, and prints medians and ratios.

    cargo build --release && benches/publish.py WORKDIR [ROUNDS]

WORKDIR should be on the file system to be judged: a journaled ext4 or xfs (a loop image will do), since mounts that
discard on unlink distort. mirrorkeep syncs files, directories and names before it reports; `rsync -a` and
`sha256sum` sync nothing; `rsync --fsync` syncs each file and hashes nothing.
"""
import os, random, shutil, statistics, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
binary = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "release", "mirrorkeep")
source, files, total = os.path.join(work, "source"), 5000, 2 << 30


def make():
    """Makes 5,000 files with 2 GiB in all: a few large, most of them small packages."""
    rng = random.Random(1)
    block = rng.randbytes(1 << 20)
    big = 8
    for n in range(files):
        size = (total // 2) // big if n < big else (total // 2) // (files - big)
        path = os.path.join(source, "outputs/RPMS/std", f"d{n % 50:02}", f"package-{n:04}.rpm")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(n.to_bytes(8, "big"))
            while size > 0:
                out.write(block[: min(size, len(block))])
                size -= len(block)


def change(fraction):
    """Gives a part of the files another content of the same size."""
    for n in range(0, files, int(1 / fraction)):
        path = os.path.join(source, "outputs/RPMS/std", f"d{n % 50:02}", f"package-{n:04}.rpm")
        with open(path, "r+b") as out:
            out.write(os.urandom(8))


def timed(command):
    subprocess.run("sync", check=True)
    start = time.perf_counter()
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def clean(*names):
    for name in names:
        shutil.rmtree(os.path.join(work, name), ignore_errors=True)
    subprocess.run("sync", check=True)


def init():
    subprocess.run([binary, "--mirror", f"{work}/m", "init", "--layout", "starlingx"], check=True, stdout=subprocess.DEVNULL)


def report(title, times):
    print(title)
    for name, values in times.items():
        median = statistics.median(values)
        pairs = statistics.median(a / b for a, b in zip(times["mirrorkeep"], values))
        print(f"  {name:44} median {median:6.2f} s  ratio {pairs:5.2f}")


sums = "find . -type f -print0 | xargs -0 sha256sum"
ours = f"{binary} --mirror {work}/m publish {source} --stream master/centos --build"
clean("source", "m", "r", "f")
make()
first = {"mirrorkeep": [], "rsync -a, then sha256sum": [], "rsync -a --fsync (no hash)": []}
for _ in range(rounds):
    clean("m", "r", "f")
    init()
    first["mirrorkeep"].append(timed(f"{ours} 20181205T060000Z"))
    first["rsync -a, then sha256sum"].append(timed(f"rsync -a {source}/ {work}/r/ && cd {work}/r && {sums}"))
    first["rsync -a --fsync (no hash)"].append(timed(f"rsync -a --fsync {source}/ {work}/f/"))
report("first publish", first)

again = {"mirrorkeep": [], "mirrorkeep --quick": [], "rsync -ac --link-dest, then sha256sum": [], "rsync -a --link-dest": []}
for n in range(rounds):
    clean("r", "r2", "f", "f2", "m")
    init()
    timed(f"{ours} 20181205T060000Z")
    subprocess.run(f"rsync -a {source}/ {work}/f/", shell=True, check=True)
    subprocess.run(f"rsync -a {source}/ {work}/r/", shell=True, check=True)
    change(0.05)
    again["mirrorkeep"].append(timed(f"{ours} 20181206T060000Z"))
    shutil.rmtree(os.path.join(work, "m", "master", "centos", "20181206T060000Z"))
    for kept in ("builds/master/centos/20181206T060000Z.json", "manifests/master/centos/20181206T060000Z.files"):
        os.remove(os.path.join(work, "m/.mirrorkeep", kept))
    again["mirrorkeep --quick"].append(timed(f"{ours} 20181207T060000Z --quick"))
    again["rsync -ac --link-dest, then sha256sum"].append(
        timed(f"rsync -ac --link-dest={work}/r {source}/ {work}/r2/ && cd {work}/r2 && {sums}"))
    again["rsync -a --link-dest"].append(timed(f"rsync -a --link-dest={work}/f {source}/ {work}/f2/"))
report("published again, 5 % changed", again)
quick = statistics.median(a / b for a, b in zip(again["mirrorkeep --quick"], again["rsync -a --link-dest"]))
print(f"  --quick against rsync -a --link-dest: ratio {quick:.2f}")
clean("source", "m", "r", "r2", "f", "f2")
