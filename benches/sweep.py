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


POLICY = """version: 1
brakes: { stream: { percent: 100 }, run: { count: 1000 } }
defaults: { floor: 1, min_age: 0h, superseded_grace: 0h, trash: 1h, failed: [{ within: 1h }] }
families: [{ name: all, match: "**", keep: [{ last: 1 }] }]
"""


def tree(root, dirs, files):
    for n in range(dirs):
        at = os.path.join(root, f"d{n:03}")
        os.makedirs(at)
        for m in range(files):
            with open(os.path.join(at, f"package-{m:05}.rpm"), "wb") as out:
                out.write(b"x" * 200)


def plain(roots):
    for root in roots:
        tree(root, 50, 200)


def linked(roots):
    tree(os.path.join(work, "origin"), 50, 200)
    for root in roots:
        subprocess.run(["cp", "-al", os.path.join(work, "origin", "."), root], check=True)


def wide(roots):
    tree(roots[0], 1, 100_000)


def pruned(count):
    """Makes a mirror whose trash has so many small builds, over their term, and returns their trees."""
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    source, policy = os.path.join(work, "small"), os.path.join(work, "policy.yaml")
    shutil.rmtree(mirror, ignore_errors=True)
    os.makedirs(os.path.join(source, "outputs", "iso"), exist_ok=True)
    open(os.path.join(source, "outputs", "iso", "bootimage.iso"), "w").close()
    with open(policy, "w") as out:
        out.write(POLICY)
    keep = [binary, "--mirror", mirror]
    subprocess.run([*keep, "init", "--layout", "starlingx", "--policy", policy], **quiet)
    for n in range(count):
        stamp = f"201811{n + 1:02}T000000Z"
        subprocess.run([*keep, "publish", source, "--stream", "master/centos", "--build", stamp, "--result", "fail"], **quiet)
    subprocess.run([*keep, "prune"], **quiet)
    entries = sorted(os.listdir(trash))
    assert len(entries) == count, entries
    for entry in entries:
        at = os.path.join(trash, entry, "ticket.json")
        ticket = json.load(open(at))
        ticket["until"] = ticket["since"]
        with open(at, "w") as out:
            json.dump(ticket, out)
    trees = [os.path.join(trash, entry, "tree") for entry in entries]
    for made in trees:
        os.chmod(made, 0o755)
    return trees


def timed(command, cold):
    subprocess.run("sync", check=True)
    if cold:
        with open("/proc/sys/vm/drop_caches", "w") as out:
            out.write("3")
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def run(title, make, count=20, cold=False):
    times = {"mirrorkeep sweep": [], "rm -rf": [], "rmz": []}
    for _ in range(rounds):
        for name in times:
            shutil.rmtree(os.path.join(work, "victim"), ignore_errors=True)
            shutil.rmtree(os.path.join(work, "origin"), ignore_errors=True)
            if name == "mirrorkeep sweep":
                make(pruned(count))
                command = [binary, "--mirror", mirror, "sweep", "--io-priority", "normal"]
            else:
                root = os.path.join(work, "victim")
                make([os.path.join(root, f"{n:012}", "tree") for n in range(count)])
                command = [*({"rm -rf": ["rm", "-rf"], "rmz": [rmz]}[name]), root]
            times[name].append(timed(command, cold))
            assert name != "mirrorkeep sweep" or not os.listdir(trash)
    print(title)
    for name, values in times.items():
        pairs = statistics.median(a / b for a, b in zip(times["mirrorkeep sweep"], values))
        print(f"  {name:20} median {statistics.median(values):6.3f} s  ratio {pairs:5.2f}", flush=True)


run("20 builds of 10,000 files, warm", plain)
run("20 builds of 10,000 files, cold", plain, cold=True)
run("20 hard-linked builds of 10,000 files, warm", linked)
run("one directory of 100,000 files, warm", wide, count=1)
