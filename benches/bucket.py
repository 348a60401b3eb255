#!/usr/bin/env python3
"""Times publishing to a bucket and pruning it against rclone, interleaved, on one SeaweedFS, and prints ratios.

    cargo build --release && tests/servers/install.sh && benches/bucket.py WORKDIR [BINARY] [ROUNDS] [SCALE] [publish|prune]

Publish sends 10,000 files of 100 KB; `rclone copy` sends the same tree with as many transfers at once. Prune lets go
builds of 100,000 objects in all and sweeps them (`prune`, then `sweep`, since the term of the trash lies between);
`rclone purge` removes as many. SCALE divides the numbers. Each round makes everything anew. GNU time measures memory.
"""
import os, random, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.error, urllib.request

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(here)
work = os.path.abspath(sys.argv[1])
binary = sys.argv[2] if len(sys.argv) > 2 else os.path.join(root, "target/release/mirrorkeep")
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
scale = int(sys.argv[4]) if len(sys.argv) > 4 else 1
jobs = sys.argv[5:] or ["publish", "prune"]
FILES, SIZE, OBJECTS, BUILDS, AT_ONCE = 10_000 // scale, 100_000, 100_000 // scale, 10, 8
servers = os.path.join(root, "target/servers")


def ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return found


class Weed:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(dir=work)
        names = ("s3.port s3.port.grpc s3.port.iceberg s3.port.lance master.port master.port.grpc volume.port "
                 "volume.port.grpc filer.port filer.port.grpc admin.port admin.port.grpc metricsPort").split()
        given = ports(len(names))
        with open(os.path.join(self.dir, "s3.json"), "w") as out:
            out.write('{"identities": [{"name": "t", "credentials": [{"accessKey": "bench", "secretKey": "bench"}], '
                      '"actions": ["Admin", "Read", "Write", "List"]}]}')
        log = open(os.path.join(self.dir, "log"), "w")
        self.process = subprocess.Popen(
            [os.path.join(servers, "weed/bin/weed"), "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=test",
             "-admin.ui=false", "-webdav=false", f"-dir={self.dir}", f"-s3.config={self.dir}/s3.json",
             *(f"-{name}={port}" for name, port in zip(names, given))],
            cwd=self.dir, stdout=log, stderr=log)
        self.url = f"http://127.0.0.1:{given[0]}"
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url, timeout=5)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        self.env = {**os.environ, "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
                    "AWS_REGION": "us-east-1", "AWS_ENDPOINT": self.url, "AWS_ALLOW_HTTP": "true"}
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def keep(self, mirror, *args):
        return timed([binary, "--mirror", f"s3://test/{mirror}", *args], self.env)

    def rclone(self, verb, *args):
        remote = (f":s3,provider=SeaweedFS,access_key_id=bench,secret_access_key=bench,region=us-east-1,"
                  f"endpoint='{self.url}',no_check_bucket=true:test/")
        args = [remote + arg[1:] if arg.startswith("@") else arg for arg in args]
        return timed([os.path.join(servers, "rclone/bin/rclone"), "--config", "/dev/null", verb, *args,
                      f"--transfers={AT_ONCE}", f"--checkers={AT_ONCE}", "--s3-list-chunk=1000"], self.env)


def timed(command, env):
    """Returns seconds and the most memory, in MiB."""
    start = time.perf_counter()
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    spent = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    return spent, int(done.stderr.split()[-1]) / 1024


def tree(at, files, size):
    rng = random.Random(1)
    for n in range(files):
        below = os.path.join(at, "outputs/RPMS/std", f"{n // 200:03}")
        os.makedirs(below, exist_ok=True)
        with open(os.path.join(below, f"p{n:05}.rpm"), "wb") as out:
            out.write(rng.randbytes(size))
    return at


def told(title, ours, theirs, limit):
    ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs))
    print(f"{title}: {statistics.median(a[0] for a in ours):.2f} s, rclone {statistics.median(b[0] for b in theirs):.2f} s, "
          f"ratio {ratio:.2f} (limit {limit}), memory at most {max(a[1] for a in ours):.0f} MiB", flush=True)


def publish(source):
    ours, theirs = [], []
    for n in range(rounds):
        with Weed() as weed:
            weed.keep("m", "init")
            sides = [lambda: ours.append(weed.keep("m", "publish", source, "--stream", "master/centos")),
                     lambda: theirs.append(weed.rclone("copy", source, "@plain"))]
            for side in sides if n % 2 else reversed(sides):
                side()
    told(f"publish of {FILES} files of {SIZE} bytes", ours, theirs, 0.9)


def prune(source):
    policy = os.path.join(work, "policy.yaml")
    with open(policy, "w") as out:
        out.write('version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}\n'
                  'families: [{name: all, match: "**", keep: [{last: 1}]}]\n'
                  'brakes: {stream: {percent: 100, min_sample: 10}, run: {count: 1000, bytes: 6TiB}, policy_change: apply}\n')
    ours, theirs = [], []
    for n in range(rounds):
        with Weed() as weed:
            weed.keep("m", "init", "--policy", policy)
            for day in range(BUILDS + 1):
                weed.keep("m", "publish", source, "--stream", "master/centos", "--build", f"201812{day + 1:02}T060000Z")
            for day in range(BUILDS):
                weed.rclone("copy", source, f"@plain/{day}")

            def both():
                a, b = weed.keep("m", "prune"), weed.keep("m", "sweep")
                ours.append((a[0] + b[0], max(a[1], b[1])))
                print(f"  prune {a[0]:.2f} s, sweep {b[0]:.2f} s", flush=True)
            sides = [both, lambda: theirs.append(weed.rclone("purge", "@plain"))]
            for side in sides if n % 2 else reversed(sides):
                side()
    told(f"prune of {OBJECTS} objects", ours, theirs, 0.6)


os.makedirs(work, exist_ok=True)
source = os.path.join(work, "source")
shutil.rmtree(source, ignore_errors=True)
if "publish" in jobs:
    publish(tree(source, FILES, SIZE))
    shutil.rmtree(source)
if "prune" in jobs:
    prune(tree(source, OBJECTS // BUILDS, 100))
    shutil.rmtree(source)
