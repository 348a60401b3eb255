#!/usr/bin/env python3
"""Measures how much memory publishing takes for each file of a build.

    cargo build --release && benches/memory.py WORKDIR [FILES]

Publishes FILES small files (200,000) three times: first, again beside the first with 1 % changed, and once more
unchanged under the same name; prints peak, bytes a file beyond the peak of a build with one file, and seconds.
"""
import os, re, shutil, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
files = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
binary = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "release", "mirrorkeep")


def make(source, count):
    """Makes files with names as long as those of real packages."""
    for n in range(count):
        at = os.path.join(source, "outputs/RPMS/std", f"d{n % 997:03}")
        if n < 997:
            os.makedirs(at)
        with open(os.path.join(at, f"python3-some-package-{n:06}-1.2.3-4.el7.tis.x86_64.rpm"), "w") as out:
            out.write(f"package {n}")


def publish(source, mirror, build):
    """Returns peak memory in KiB and seconds."""
    command = ["/usr/bin/time", "-v", binary, "--mirror", mirror, "publish", source, "--stream", "master/centos"]
    start = time.perf_counter()
    done = subprocess.run(command + ["--build", build], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(done.stderr)
    return int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)[1]), seconds


def clean():
    for name in ("one", "many", "mirror-one", "mirror-many"):
        shutil.rmtree(os.path.join(work, name), ignore_errors=True)


clean()
one, many = os.path.join(work, "one"), os.path.join(work, "many")
make(one, 1)
make(many, files)
base, _ = publish(one, os.path.join(work, "mirror-one"), "20181205T060000Z")
mirror = os.path.join(work, "mirror-many")
for title, build in [("first", "20181205T060000Z"), ("again", "20181206T060000Z"), ("unchanged", "20181206T060000Z")]:
    if title == "again":
        for n in range(0, files, 100):
            path = os.path.join(many, "outputs/RPMS/std", f"d{n % 997:03}")
            with open(os.path.join(path, f"python3-some-package-{n:06}-1.2.3-4.el7.tis.x86_64.rpm"), "a") as out:
                out.write(" changed")
    peak, seconds = publish(many, mirror, build)
    each = (peak - base) * 1024 / files
    print(f"{title:10} peak {peak / 1024:6.1f} MiB  {each:6.0f} bytes a file  {seconds:5.1f} s")
clean()
