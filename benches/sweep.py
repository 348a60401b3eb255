#!/usr/bin/env python3
"""Times sweeping the trash against rm and rmz, interleaved, and prints medians and ratios.

    cargo build --release && cargo install rmz --root DIR && benches/sweep.py WORKDIR DIR/bin/rmz [ROUNDS]

WORKDIR should be on the file system to be judged: a journaled ext4 or xfs (a loop image will do), since mounts that
discard on unlink distort. Each round lays the same trees out for each side: 20 builds of 10,000 files in 200
directories, the same as hard links of one, and one directory of 100,000 files. Nobody syncs but mirrorkeep, which
syncs its journal and the names of what it takes away. Cold rounds drop the caches of names and inodes first.
"""
import json, os, shutil, statistics, subprocess, sys, time

work, rmz = os.path.abspath(sys.argv[1]), sys.argv[2]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
binary = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "release", "mirrorkeep")
mirror = os.path.join(work, "mirror")
trash = os.path.join(mirror, ".mirrorkeep", "trash")


def tree(root, dirs, files):
    for n in range(dirs):
        at = os.path.join(root, f"d{n:03}")
        os.makedirs(at)
        for m in range(files):
            with open(os.path.join(at, f"package-{m:05}.rpm"), "wb") as out:
                out.write(b"x" * 200)


def plain(root):
    for n in range(20):
        tree(os.path.join(root, f"{n:012}", "tree"), 50, 200)


def linked(root):
    tree(os.path.join(work, "origin"), 50, 200)
    for n in range(20):
        os.makedirs(os.path.join(root, f"{n:012}"))
        subprocess.run(["cp", "-al", os.path.join(work, "origin"), os.path.join(root, f"{n:012}", "tree")], check=True)


def wide(root):
    tree(os.path.join(root, f"{0:012}", "tree"), 1, 100_000)


def tickets(root):
    """Makes each directory look as prune leaves it."""
    for name in os.listdir(root):
        ticket = {
            "ticket": 1, "id": f"master/centos/2026{name[-4:]}", "path": f"master/centos/2026{name[-4:]}",
            "what": "build", "since": "2026-01-01T00:00:00Z", "until": "2026-01-08T00:00:00Z", "bytes": 0, "inode": [0, 0],
        }
        with open(os.path.join(root, name, "ticket.json"), "w") as out:
            json.dump(ticket, out)


def timed(command, cold):
    subprocess.run("sync", check=True)
    if cold:
        with open("/proc/sys/vm/drop_caches", "w") as out:
            out.write("3")
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def run(title, make, cold=False):
    times = {"mirrorkeep sweep": [], "rm -rf": [], "rmz": []}
    for _ in range(rounds):
        for name in times:
            shutil.rmtree(os.path.join(work, "victim"), ignore_errors=True)
            shutil.rmtree(os.path.join(work, "origin"), ignore_errors=True)
            root = trash if name == "mirrorkeep sweep" else os.path.join(work, "victim")
            os.makedirs(root, exist_ok=True)
            make(root)
            if name == "mirrorkeep sweep":
                tickets(root)
                command = [binary, "--mirror", mirror, "sweep", "--io-priority", "normal"]
            else:
                command = [*({"rm -rf": ["rm", "-rf"], "rmz": [rmz]}[name]), root]
            times[name].append(timed(command, cold))
            assert name != "mirrorkeep sweep" or not os.listdir(trash)
    print(title)
    for name, values in times.items():
        pairs = statistics.median(a / b for a, b in zip(times["mirrorkeep sweep"], values))
        print(f"  {name:20} median {statistics.median(values):6.3f} s  ratio {pairs:5.2f}", flush=True)


shutil.rmtree(mirror, ignore_errors=True)
subprocess.run([binary, "--mirror", mirror, "init", "--layout", "starlingx"], check=True, stdout=subprocess.DEVNULL)
run("20 builds of 10,000 files, warm", plain)
run("20 builds of 10,000 files, cold", plain, cold=True)
run("20 hard-linked builds of 10,000 files, warm", linked)
run("one directory of 100,000 files, warm", wide)
