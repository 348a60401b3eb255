#!/usr/bin/env python3
"""Times the images of a promotion against skopeo and against bare requests, on two registries on loopback.

    cargo build --release && benches/registry.py WORKDIR [ROUNDS [BINARY]]

It needs Debian's `docker-registry` and `skopeo`. Copying: the first `promote` of a build with 20 images of 10 MB, each with a layer of its own, to
another registry, against `skopeo copy` of the same images, one after another and eight at once. Tags: a `promote` that moves the tags of 100 images, against
the requests that this takes (a look at the image in the source, at its fixed tag and at the tag in the target, the manifest, the tag, a look back), eight at once
over connections that stay open.
The rounds are interleaved; each begins with an empty second registry.
"""
import hashlib, http.client, json, os, shutil, socket, statistics, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor

work = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
here = os.path.dirname(os.path.abspath(__file__))
binary = os.path.abspath(sys.argv[3] if len(sys.argv) > 3 else os.path.join(here, "..", "target", "release", "mirrorkeep"))
IMAGE = "application/vnd.oci.image.manifest.v1+json"
DAYS = ["20260601T020000Z", "20260602T020000Z", "20260603T020000Z"]
LARGE, MANY, SIZE = 20, 100, 10_000_000


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    def __init__(self, name):
        self.dir, self.port = os.path.join(work, name), port()
        self.process = None

    def start(self, empty=False):
        if empty:
            shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir, exist_ok=True)
        config = os.path.join(self.dir, "config.yml")
        with open(config, "w") as out:
            out.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {self.dir}/images}}}}\n"
                      f"http: {{addr: '127.0.0.1:{self.port}'}}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the registry does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def request(connection, method, path, body=None, **headers):
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.body = answer.read()
    if answer.status >= 400:
        raise SystemExit(f"{method} {path}: {answer.status} {answer.body[:200]}")
    return answer


def blob(connection, repository, data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    begun = request(connection, "POST", f"/v2/{repository}/blobs/uploads/", "")
    at = begun.headers["Location"].split("://", 1)[-1]
    at = at[at.index("/"):]
    request(connection, "PUT", f"{at}&digest={digest}", data, **{"Content-Type": "application/octet-stream"})
    return {"digest": digest, "size": len(data)}


def image(connection, repository, tag, data):
    config = dict(blob(connection, repository, json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "of": repository + tag}).encode()),
                  mediaType="application/vnd.oci.image.config.v1+json")
    layer = dict(blob(connection, repository, data), mediaType="application/vnd.oci.image.layer.v1.tar")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer]})
    request(connection, "PUT", f"/v2/{repository}/manifests/{tag}", manifest, **{"Content-Type": IMAGE})


def run(mirror, *args):
    subprocess.run([binary, "--mirror", mirror, *args], check=True, stdout=subprocess.DEVNULL)


def lay(mirror, source, target, names):
    """Makes a mirror with three builds that list these images."""
    layout = subprocess.run([binary, "layout", "show", "--layout", "generic"], check=True, capture_output=True, text=True).stdout
    layout = layout.replace("\nmarkers:", "\nimages:\n  lists: [images.lst]\n  references: ['ci/{name}:{stamp}']\n\nmarkers:")
    pipeline = (f"pipeline: 1\nstages:\n  - name: testing\n    streams: '**'\n    from: latest_build\n    pin: true\n    carry: [{{images: {{from: '127.0.0.1:{source.port}/ci', "
                f"to: ['127.0.0.1:{target.port}'], tag: ['{{build}}', '{{stage}}']}}}}]\n")
    for name, text in (("layout.yaml", layout), ("pipeline.yaml", pipeline)):
        with open(os.path.join(work, name), "w") as out:
            out.write(text)
    run(mirror, "init", "--layout", os.path.join(work, "layout.yaml"), "--pipeline", os.path.join(work, "pipeline.yaml"))
    for day in DAYS:
        tree = os.path.join(work, "tree")
        shutil.rmtree(tree, ignore_errors=True)
        os.makedirs(tree)
        with open(os.path.join(tree, "images.lst"), "w") as out:
            out.writelines(f"docker.io/ci/{name}:{day}\n" for name in names)
        open(os.path.join(tree, "success"), "w").close()
        run(mirror, "publish", tree, "--stream", "main/debian", "--build", day)


def timed(act):
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def skopeo(source, target, names, day, at_once):
    def copy(name):
        subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false",
                        f"docker://127.0.0.1:{source.port}/ci/{name}:{day}", f"docker://127.0.0.1:{target.port}/{name}:{day}"], check=True)
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(copy, names))


def bare(source, target, names, day):
    """Moves the tag `testing` of every image to its build of a day."""
    def move(share):
        first = http.client.HTTPConnection("127.0.0.1", source.port)
        connection = http.client.HTTPConnection("127.0.0.1", target.port)
        for name in share:
            request(first, "HEAD", f"/v2/ci/{name}/manifests/{day}", Accept=IMAGE)
            request(connection, "HEAD", f"/v2/{name}/manifests/{day}", Accept=IMAGE)
            request(connection, "HEAD", f"/v2/{name}/manifests/testing", Accept=IMAGE)
            manifest = request(connection, "GET", f"/v2/{name}/manifests/{day}", Accept=IMAGE).body
            request(connection, "PUT", f"/v2/{name}/manifests/testing", manifest, **{"Content-Type": IMAGE})
            request(connection, "HEAD", f"/v2/{name}/manifests/testing", Accept=IMAGE)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(move, [names[first::8] for first in range(8)]))


os.makedirs(work, exist_ok=True)
source, target = Registry("source"), Registry("target")
source.start(empty=True)
large = [f"large-{number:02}" for number in range(LARGE)]
many = [f"many-{number:03}" for number in range(MANY)]
connection = http.client.HTTPConnection("127.0.0.1", source.port)
for name in large:
    image(connection, f"ci/{name}", DAYS[-1], os.urandom(SIZE))
for day in DAYS:
    for name in many:
        image(connection, f"ci/{name}", day, f"{name} {day}".encode())
found = {}
try:
    for number in range(rounds):
        def note(name, seconds):
            found.setdefault(name, []).append(seconds)
        for name, act in (("copy: skopeo, one by one", lambda: skopeo(source, target, large, DAYS[-1], 1)),
                          ("copy: skopeo, eight at once", lambda: skopeo(source, target, large, DAYS[-1], 8))):
            target.start(empty=True)
            note(name, timed(act))
            target.stop()
        mirror = os.path.join(work, "mirror")
        shutil.rmtree(mirror, ignore_errors=True)
        target.start(empty=True)
        lay(mirror, source, target, large)
        note("copy: promote", timed(lambda: run(mirror, "promote")))
        target.stop()
        shutil.rmtree(mirror, ignore_errors=True)
        target.start(empty=True)
        lay(mirror, source, target, many)
        # Each build has its fixed tags, so that only the tags of the stage move.
        for day in DAYS:
            run(mirror, "promote", "testing", "--build", f"main/debian/{day}", "--force", "--why", "bench")
        note("tags: promote", timed(lambda: run(mirror, "promote", "testing", "--build", f"main/debian/{DAYS[1]}", "--force", "--why", "bench")))
        note("tags: bare requests", timed(lambda: bare(source, target, many, DAYS[0])))
        target.stop()
finally:
    for registry in (source, target):
        if registry.process.poll() is None:
            registry.stop()
for name, seconds in found.items():
    print(f"{name:28} {statistics.median(seconds):7.3f} s  ({min(seconds):.3f} to {max(seconds):.3f})")
ratio = lambda one, other: statistics.median(found[one]) / statistics.median(found[other])
print(f"copy: promote / skopeo, one by one     {ratio('copy: promote', 'copy: skopeo, one by one'):.2f}")
print(f"copy: promote / skopeo, eight at once  {ratio('copy: promote', 'copy: skopeo, eight at once'):.2f}")
print(f"tags: promote / bare requests          {ratio('tags: promote', 'tags: bare requests'):.2f}")
