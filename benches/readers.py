#!/usr/bin/env python3
"""Counts sessions of dnf and apt that fail while a name moves, and times publishing with and without lists for readers.

    cargo build --release && benches/readers.py WORKDIR [SESSIONS [ROUNDS [BINARY]]]

A session reads the lists of a repository with an empty cache and then downloads two packages. Meanwhile builds are
published and pruned one after the other; the packages of each build have paths that no other build has. Each client
reads by the name alone, by the name with the rules of `export readers`, and by the public lists; 200 sessions each.
Then small builds (186 files, 2 MiB) are published to two mirrors in turn, one with `readers` and one without.
It needs nginx, dnf, createrepo_c, rpmbuild, apt-get and dpkg-deb, and listens on loopback.
"""
import hashlib, json, os, shutil, socket, statistics, subprocess, sys, threading, time

work = os.path.abspath(sys.argv[1])
sessions = int(sys.argv[2]) if len(sys.argv) > 2 else 200
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 40
here = os.path.dirname(os.path.abspath(__file__))
binary = sys.argv[4] if len(sys.argv) > 4 else os.path.join(here, "..", "target", "release", "mirrorkeep")
STREAM = "main/debian"
PAUSE = 0.8

POLICY = """version: 1
brakes: { policy_change: apply }
defaults: { floor: 1, min_age: 0h, superseded_grace: 2m, trash: 1h }
families: [{ name: all, match: "**", keep: [{ last: 1 }] }]
"""


def quiet(*command, **more):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(text)


def stamp(number):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(1_544_000_000 + number))


class Site:
    """A mirror behind nginx, with the rules of its settings or without."""

    def __init__(self, name, rules):
        self.dir = os.path.join(work, name)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.mirror, self.source, self.number = os.path.join(self.dir, "mirror"), os.path.join(self.dir, "source"), 0
        write(os.path.join(self.source, "success"), "")
        write(os.path.join(self.dir, "policy.yaml"), POLICY)
        self.keep("init", "--layout", "generic", "--policy", os.path.join(self.dir, "policy.yaml"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        out, conf = os.path.join(self.dir, "readers.inc"), os.path.join(self.dir, "nginx.conf")
        write(out, "")
        text = open(os.path.join(here, "..", "contrib", "nginx.conf")).read()
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.port};").replace("/srv/mirror", self.mirror)
        text = text.replace("# include /var/lib/mirrorkeep/nginx-readers.inc;", f"include {out};")
        temporary = " ".join(f"{kind}_temp_path {kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
        write(conf, f"user root; daemon off; pid nginx.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off; {temporary}\n{text}\n}}\n")
        nginx = [shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "-p", self.dir, "-e", "stderr", "-c", conf]
        self.server = subprocess.Popen(nginx, stderr=open(os.path.join(self.dir, "log"), "w"))
        settings = {"url": f"http://127.0.0.1:{self.port}", "newest": 64}
        if rules:
            settings |= {"for": "nginx", "out": out, "reload": [*nginx, "-s", "reload"]}
        with open(os.path.join(self.mirror, ".mirrorkeep", "mirror.yaml"), "a") as text:
            text.write(f"readers: {json.dumps(settings)}\n")

    def keep(self, *words):
        quiet(binary, "--mirror", self.mirror, *words)

    def publish(self, repository):
        self.number += 1
        repository(self.source, stamp(self.number))
        self.keep("publish", self.source, "--stream", STREAM, "--build", stamp(self.number))

    def public(self, ending):
        return open(os.path.join(self.mirror, "readers", STREAM, f"latest_build{ending}")).read()

    def end(self):
        self.server.terminate()
        self.server.wait()


def apt_repository(source, name):
    root = os.path.join(source, "apt")
    shutil.rmtree(root, ignore_errors=True)
    packages = ""
    for package in ["alpha", "beta"]:
        tree, file = os.path.join(work, "deb"), f"pool/{package}_{name}_all.deb"
        shutil.rmtree(tree, ignore_errors=True)
        control = f"Package: {package}\nVersion: {name}\nArchitecture: all\nMaintainer: a bench\nDescription: a bench\n"
        write(os.path.join(tree, "DEBIAN", "control"), control)
        os.makedirs(os.path.join(root, "pool"), exist_ok=True)
        quiet("dpkg-deb", "-Znone", "-b", tree, os.path.join(root, file))
        data = open(os.path.join(root, file), "rb").read()
        packages += f"{control}Filename: {file}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"
    digest, index = hashlib.sha256(packages.encode()).hexdigest(), "main/binary-amd64/Packages"
    suite = os.path.join(root, "dists", "stable")
    write(os.path.join(suite, index), packages)
    write(os.path.join(suite, "main/binary-amd64/by-hash/SHA256", digest), packages)
    date = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.strptime(name, "%Y%m%dT%H%M%SZ"))
    head = f"Suite: stable\nCodename: stable\nAcquire-By-Hash: yes\nArchitectures: amd64\nComponents: main\nDate: {date}\n"
    write(os.path.join(suite, "Release"), f"{head}SHA256:\n {digest} {len(packages)} {index}\n")


def rpm_repository(source, name):
    root, built = os.path.join(source, "rpm"), os.path.join(work, "rpmbuild")
    if not os.path.isdir(os.path.join(built, "RPMS")):
        for package in ["alpha", "beta"]:
            spec = os.path.join(built, f"{package}.spec")
            write(spec, f"Name: {package}\nVersion: 1\nRelease: 1\nSummary: a bench\nLicense: none\nBuildArch: noarch\n%description\na bench\n%files\n")
            quiet("rpmbuild", "-bb", "--define", f"_topdir {built}", spec)
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(os.path.join(built, "RPMS", "noarch"), os.path.join(root, name))
    quiet("createrepo_c", "-q", root)


def apt(site, way):
    home = os.path.join(site.dir, "apt")
    if way == "list":
        sources = site.public(".sources").replace("Components: main\n", "Components: main\nTrusted: yes\n")
    else:
        address = f"http://127.0.0.1:{site.port}/{STREAM}/latest_build/apt"
        sources = f"Types: deb\nURIs: {address}\nSuites: stable\nComponents: main\nTrusted: yes\n"
    write(f"{home}/etc/sources.list.d/mirror.sources", sources)
    write(f"{home}/status", "")
    keys = {"Dir": "", "Dir::State": "/state", "Dir::State::status": "/status", "Dir::Cache": "/cache", "Dir::Etc": "/etc"}
    config = "".join(f'{key} "{home}{value}";\n' for key, value in keys.items())
    config += 'Dir::Bin::methods "/usr/lib/apt/methods";\nAPT::Architecture "amd64";\nAPT::Architectures { "amd64"; };\n'
    config += 'APT::Sandbox::User "root";\nAcquire::Retries "0";\nAcquire::Languages "none";\n'
    write(f"{home}/apt.conf", config)
    for below in ["state", "cache"]:
        shutil.rmtree(f"{home}/{below}", ignore_errors=True)
    for below in ["state/lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d", "etc/trusted.gpg.d"]:
        os.makedirs(f"{home}/{below}", exist_ok=True)
    run = {"env": {**os.environ, "APT_CONFIG": f"{home}/apt.conf", "LC_ALL": "C"}, "capture_output": True, "text": True}
    for words in [["update", "--error-on=any"], ["install", "--download-only", "--yes", "alpha", "beta"]]:
        done = subprocess.run(["apt-get", *words], **run)
        if done.returncode:
            return done.stdout + done.stderr
    return None


def dnf(site, way):
    home = os.path.join(site.dir, "dnf")
    repo = site.public(".repo")
    if way != "list":
        repo = f"[mirror]\nname=mirror\nbaseurl=http://127.0.0.1:{site.port}/{STREAM}/latest_build/rpm\nenabled=1\n"
    write(f"{home}/repos/mirror.repo", repo)
    write(f"{home}/dnf.conf", "[main]\n")
    os.makedirs(f"{home}/log", exist_ok=True)
    shutil.rmtree(f"{home}/cache", ignore_errors=True)
    base = ["dnf", "-y", "--nogpgcheck", "--releasever=1", f"--config={home}/dnf.conf", "--noplugins", f"--installroot={home}/root"]
    for key, below in [("reposdir", "repos"), ("cachedir", "cache"), ("logdir", "log")]:
        base.append(f"--setopt={key}={home}/{below}")
    base += ["--setopt=module_platform_id=platform:el8", "--setopt=retries=1"]
    for words in [["makecache"], ["install", "--downloadonly", "alpha", "beta"]]:
        done = subprocess.run([*base, *words], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        if done.returncode:
            return done.stdout + done.stderr
    return None


def tried(client, repository, way):
    site = Site(f"{client.__name__}-{way}", way == "rules")
    stop, moves, causes = threading.Event(), 0, []

    def move():
        nonlocal moves
        while not stop.is_set():
            site.publish(repository)
            site.keep("prune")
            moves += 1
            stop.wait(PAUSE)

    site.publish(repository)
    mover = threading.Thread(target=move)
    started = time.time()
    mover.start()
    try:
        failed = 0
        for _ in range(sessions):
            why = client(site, way)
            if why is not None:
                failed += 1
                causes.append(why)
    finally:
        stop.set()
        mover.join()
        site.end()
    took = time.time() - started
    print(f"{client.__name__:4} {way:6} {sessions:4} sessions, {failed:4} failed; {moves} moves, one in {took / max(moves, 1):.1f} s", flush=True)
    if causes and way != "name":
        print(causes[0])


def cost():
    """Publishes small builds to a mirror with lists and to one without, in turn."""
    mirrors, times = {}, {"off": [], "on": []}
    source = os.path.join(work, "small")
    shutil.rmtree(source, ignore_errors=True)
    for n in range(183):
        write(os.path.join(source, "rpm", f"package-{n:03}.rpm"), "x" * 11_000)
    write(os.path.join(source, "rpm", "repodata", "repomd.xml"), "<repomd/>")
    write(os.path.join(source, "success"), "")
    for which in times:
        mirrors[which] = mirror = os.path.join(work, f"cost-{which}")
        shutil.rmtree(mirror, ignore_errors=True)
        quiet(binary, "--mirror", mirror, "init", "--layout", "generic")
        if which == "on":
            with open(os.path.join(mirror, ".mirrorkeep", "mirror.yaml"), "a") as text:
                text.write("readers: {url: 'http://mirror.example.org'}\n")
    for n in range(rounds + 2):
        write(os.path.join(source, "number"), str(n))
        order = list(mirrors.items())
        for which, mirror in order if n % 2 else order[::-1]:
            begun = time.perf_counter()
            quiet(binary, "--mirror", mirror, "publish", source, "--stream", STREAM, "--build", stamp(n))
            if n >= 2:
                times[which].append(time.perf_counter() - begun)
    off, on = (statistics.median(times[which]) for which in ["off", "on"])
    ratio = statistics.median(b / a for a, b in zip(times["off"], times["on"]))
    print(f"publish: {off * 1000:.1f} ms without lists, {on * 1000:.1f} ms with; the median of the ratios is {ratio:.3f}")


os.makedirs(work, exist_ok=True)
cost()
if sessions:
    for client, repository in [(dnf, rpm_repository), (apt, apt_repository)]:
        for way in ["name", "rules", "list"]:
            tried(client, repository, way)
