#!/usr/bin/env python3
"""Times publishing to a bucket and pruning it against rclone, interleaved, on one server, and prints ratios.

    cargo build --release && tests/support/servers/install.sh
    benches/bucket.py WORKDIR [BINARY] [ROUNDS] [SCALE] [publish] [prune] [weed] [garage]

The server is SeaweedFS (`weed`), or Garage, which `make garage` builds; both when both are named.

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
named = sys.argv[5:]
jobs = [job for job in named if job in ("publish", "prune")] or ["publish", "prune"]
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


class Server:
    """One server with the bucket `test`; `start` returns its port, and `key`, `secret` and `region` open it."""
    key, secret, region = "bench", "bench", "us-east-1"

    def __enter__(self):
        self.dir = tempfile.mkdtemp(dir=work)
        self.url = f"http://127.0.0.1:{self.start()}"
        self.env = {**os.environ, "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret,
                    "AWS_REGION": self.region, "AWS_ENDPOINT": self.url, "AWS_ALLOW_HTTP": "true"}
        return self

    def run(self, command, port):
        """Starts the server and waits until it answers."""
        log = open(os.path.join(self.dir, "log"), "w")
        self.process = subprocess.Popen(command, cwd=self.dir, stdout=log, stderr=log,
                                        env={**os.environ, "RUST_LOG": "garage=warn"})
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def keep(self, mirror, *args):
        return timed([binary, "--mirror", f"s3://test/{mirror}", *args], self.env)

    def rclone(self, verb, *args):
        remote = (f":s3,provider={self.provider},access_key_id={self.key},secret_access_key={self.secret},"
                  f"region={self.region},endpoint='{self.url}',no_check_bucket=true:test/")
        args = [remote + arg[1:] if arg.startswith("@") else arg for arg in args]
        return timed([os.path.join(servers, "rclone/bin/rclone"), "--config", "/dev/null", verb, *args,
                      f"--transfers={AT_ONCE}", f"--checkers={AT_ONCE}", "--s3-list-chunk=1000"], self.env)


class Weed(Server):
    provider = "SeaweedFS"

    def start(self):
        names = ("s3.port s3.port.grpc s3.port.iceberg s3.port.lance master.port master.port.grpc volume.port "
                 "volume.port.grpc filer.port filer.port.grpc admin.port admin.port.grpc metricsPort").split()
        given = ports(len(names))
        with open(os.path.join(self.dir, "s3.json"), "w") as out:
            out.write('{"identities": [{"name": "t", "credentials": [{"accessKey": "bench", "secretKey": "bench"}], '
                      '"actions": ["Admin", "Read", "Write", "List"]}]}')
        self.run([os.path.join(servers, "weed/bin/weed"), "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                  "-bucket=test", "-admin.ui=false", "-webdav=false", f"-dir={self.dir}",
                  f"-s3.config={self.dir}/s3.json", *(f"-{name}={port}" for name, port in zip(names, given))], given[0])
        return given[0]


class Garage(Server):
    provider, region, key, secret = "Other", "garage", "GK0123456789abcdef01234567", "ab" * 32

    def start(self):
        rpc, api = ports(2)
        config = os.path.join(self.dir, "garage.toml")
        with open(config, "w") as out:
            out.write(f'metadata_dir = "{self.dir}/meta"\ndata_dir = "{self.dir}/data"\ndb_engine = "lmdb"\n'
                      f'replication_factor = 1\nrpc_bind_addr = "127.0.0.1:{rpc}"\n'
                      f'rpc_public_addr = "127.0.0.1:{rpc}"\nrpc_secret = "{"cd" * 32}"\n'
                      f'[s3_api]\ns3_region = "{self.region}"\napi_bind_addr = "127.0.0.1:{api}"\n')
        garage = [os.path.join(servers, "garage/bin/garage"), "-c", config]
        self.run([*garage, "server"], api)

        def told(*args):
            return subprocess.run([*garage, *args], check=True, capture_output=True, text=True).stdout.strip()
        told("layout", "assign", "-z", "dc", "-c", "10G", told("node", "id", "-q").split("@")[0])
        told("layout", "apply", "--version", "1")
        told("key", "import", "--yes", self.key, self.secret)
        told("bucket", "create", "test")
        told("bucket", "allow", "--read", "--write", "--owner", "test", "--key", self.key)
        return api


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


def publish(server, source):
    ours, theirs = [], []
    for n in range(rounds):
        with server() as store:
            store.keep("m", "init", "--layout", "starlingx")
            sides = [lambda: ours.append(store.keep("m", "publish", source, "--stream", "master/centos")),
                     lambda: theirs.append(store.rclone("copy", source, "@plain"))]
            for side in sides if n % 2 else reversed(sides):
                side()
    told(f"{server.__name__}: publish of {FILES} files of {SIZE} bytes", ours, theirs, 0.9)


def prune(server, source):
    policy = os.path.join(work, "policy.yaml")
    with open(policy, "w") as out:
        out.write('version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}\n'
                  'families: [{name: all, match: "**", keep: [{last: 1}]}]\n'
                  'brakes: {stream: {percent: 100, min_sample: 10}, run: {count: 1000, bytes: 6TiB}, policy_change: apply}\n')
    ours, theirs = [], []
    for n in range(rounds):
        with server() as store:
            store.keep("m", "init", "--layout", "starlingx", "--policy", policy)
            for day in range(BUILDS + 1):
                store.keep("m", "publish", source, "--stream", "master/centos", "--build", f"201812{day + 1:02}T060000Z")
            for day in range(BUILDS):
                store.rclone("copy", source, f"@plain/{day}")

            def both():
                a, b = store.keep("m", "prune"), store.keep("m", "sweep")
                ours.append((a[0] + b[0], max(a[1], b[1])))
                print(f"  prune {a[0]:.2f} s, sweep {b[0]:.2f} s", flush=True)
            sides = [both, lambda: theirs.append(store.rclone("purge", "@plain"))]
            for side in sides if n % 2 else reversed(sides):
                side()
    told(f"{server.__name__}: prune of {OBJECTS} objects", ours, theirs, 0.6)


os.makedirs(work, exist_ok=True)
source = os.path.join(work, "source")
shutil.rmtree(source, ignore_errors=True)
engines = [engine for engine in (Weed, Garage) if engine.__name__.lower() in named] or [Weed]
if "publish" in jobs:
    tree(source, FILES, SIZE)
    for server in engines:
        publish(server, source)
    shutil.rmtree(source)
if "prune" in jobs:
    tree(source, OBJECTS // BUILDS, 100)
    for server in engines:
        prune(server, source)
    shutil.rmtree(source)
