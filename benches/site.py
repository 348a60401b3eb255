#!/usr/bin/env python3
"""Times `site` over many builds: all pages, nothing to do, and after one publish; and the memory of each.

    cargo build --release && benches/site.py WORKDIR [BUILDS [STREAMS [BINARY]]]

5,000 builds in 50 streams without arguments, of 20 small files each; `benches/site.py WORKDIR 100000 500` for the large case. The builds are adopted once
and kept in WORKDIR. Each stream has a build a day, with CONTEXT, and a policy keeps all of them for ten years, so that the forecast is simulated over all.
"""
import datetime, json, os, shutil, statistics, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
builds = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
streams = int(sys.argv[3]) if len(sys.argv) > 3 else 50
here = os.path.dirname(os.path.abspath(__file__))
binary = sys.argv[4] if len(sys.argv) > 4 else os.path.join(here, "..", "target", "release", "mirrorkeep")
mirror = os.path.join(work, f"mirror-{builds}-{streams}")
POLICY = "version: 1\nfamilies:\n  - {name: all, match: '**', keep: [{within: 10y}]}\n"
SITE = "site: {title: Bench, url: 'https://mirror.example.org', commit_url: 'https://git.example.org/{repo}/commit/{commit}'}\n"
DAY = datetime.timedelta(days=1)
now = datetime.datetime.now(datetime.timezone.utc).replace(hour=2, minute=0, second=0, microsecond=0) - DAY


def run(*args):
    subprocess.run([binary, "--mirror", mirror, *args], check=True, stdout=subprocess.DEVNULL)


def fill(build, nth):
    os.makedirs(os.path.join(build, "repo"))
    with open(os.path.join(build, "success"), "w"):
        pass
    with open(os.path.join(build, "CONTEXT"), "w") as out:
        out.write("".join(f"(cd ./stx/repo-{one} && git checkout -f {nth * 31 + one:040x})\n" for one in range(10)))
    for one in range(18):
        with open(os.path.join(build, f"repo/package-{one}-1.0-{nth if one < 4 else 1}.x86_64.rpm"), "w") as out:
            out.write(f"{nth} {one}")


def lay():
    os.makedirs(work, exist_ok=True)
    policy = os.path.join(work, "policy.yaml")
    with open(policy, "w") as out:
        out.write(POLICY)
    run("init", "--layout", "generic", "--policy", policy)
    with open(os.path.join(mirror, ".mirrorkeep/mirror.yaml"), "a") as out:
        out.write(SITE)
    each = builds // streams
    for stream in range(streams):
        for nth in range(each):
            at = now - (each - nth) * DAY
            fill(os.path.join(mirror, f"branch-{stream:03}/debian", at.strftime("%Y%m%dT%H%M%SZ")), nth)
    run("adopt")


def measured(name, *args):
    began = time.perf_counter()
    process = subprocess.Popen([binary, "--mirror", mirror, "--json", *args], stdout=subprocess.PIPE)
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{args}: exit {status}")
    wall, report = time.perf_counter() - began, json.loads(answer).get("report", {})
    wrote = f"{len(report['written']):6} files, {report['bytes'] / 1e6:8.3f} MB written" if "written" in report else ""
    print(f"{name:34} {wall:6.2f} s  {usage.ru_utime + usage.ru_stime:6.2f} s CPU  {usage.ru_maxrss // 1024:4} MiB  {wrote}", flush=True)
    return wall


if not os.path.exists(mirror):
    lay()
for path in (os.path.join(mirror, "status"), os.path.join(work, "build")):
    shutil.rmtree(path, ignore_errors=True)
state = os.path.join(mirror, ".mirrorkeep/site.json")
if os.path.exists(state):
    os.remove(state)
fill(os.path.join(work, "build"), 10**6)
measured("all pages", "site")
measured("nothing to do", "site")
measured("every file compared", "site", "--full")
walls = []
for minute in range(5):
    at = (now + datetime.timedelta(minutes=minute + int(time.time()) % 1000)).strftime("%Y%m%dT%H%M%SZ")
    run("publish", os.path.join(work, "build"), "--stream", "branch-000/debian", "--build", at)
    walls.append(measured(f"after one publish, {minute + 1} of 5", "site"))
print(f"after one publish, median: {statistics.median(walls):.2f} s")
