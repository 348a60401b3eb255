#!/usr/bin/env python3
"""Times `sync` to a directory against one bare `rsync -aH` of the same tree in the same round.

    cargo build --release && benches/sync.py WORKDIR [BUILDS [FILES [ROUNDS [BINARY]]]]

The mirror has BUILDS builds of FILES files of 2 to 34 KiB, a tenth of which each build has anew; the others are hard links to those of the
build before. In each round the first sync, one with nothing new and one after a publish are timed, and the bare copy of the same tree beside each.
"""
import os, random, shutil, statistics, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
builds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
files = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
here = os.path.dirname(os.path.abspath(__file__))
binary = os.path.abspath(sys.argv[5] if len(sys.argv) > 5 else os.path.join(here, "..", "target", "release", "mirrorkeep"))
chance = random.Random(7)


def run(*args):
    done = subprocess.run([binary, "--mirror", mirror, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{args}: {done.stderr}")
    return done.stdout


def publish(number):
    for file in range(files):
        path = os.path.join(tree, f"d{file % 50}", f"f{file}.rpm")
        if number == 0 or file % 10 == number % 10:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(chance.randbytes(chance.randrange(2 << 10, 34 << 10)))
    day, hour = divmod(number, 24)
    run("publish", tree, "--stream", "main/debian", "--build", f"202606{day + 1:02}T{hour:02}0000Z")


def timed(act):
    os.sync()
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def bare():
    subprocess.run(["rsync", "-aH", "--exclude=/.mirrorkeep", f"{mirror}/", f"{work}/bare/"], check=True)


shutil.rmtree(work, ignore_errors=True)
mirror, tree = os.path.join(work, "mirror"), os.path.join(work, "tree")
os.makedirs(tree)
run("init", "--layout", "generic")
for number in range(builds):
    publish(number)
with open(os.path.join(mirror, ".mirrorkeep", "targets.yaml"), "w") as out:
    out.write(f"targets: 1\nto: [{{name: bench, directory: '{work}/to'}}]\n")
found = {name: ([], []) for name in ("first", "nothing new", "after one publish")}
for number in range(rounds):
    for place in ("to", "bare"):
        shutil.rmtree(os.path.join(work, place), ignore_errors=True)
        os.makedirs(os.path.join(work, place))
    shutil.rmtree(os.path.join(mirror, ".mirrorkeep", "sync"), ignore_errors=True)
    for name in found:
        if name == "after one publish":
            publish(builds + number)
        acts = [lambda: run("sync"), bare]
        if number % 2:
            acts.reverse()
        for act in acts:
            found[name][0 if act is not bare else 1].append(timed(act))
whole = statistics.median(found["first"][1])
fastest = min(found["first"][1])
print(f"{builds} builds of {files} files, {rounds} rounds; the first bare copy takes {whole:.2f} s (median)")
for name, (ours, theirs) in found.items():
    middle, other = statistics.median(ours), statistics.median(theirs)
    print(f"{name:>18}: sync {middle:.2f} s, rsync -aH {other:.2f} s; of the first bare copy {middle / whole:.2f} (medians), "
          f"{min(ours) / fastest:.2f} (fastest rounds)")
