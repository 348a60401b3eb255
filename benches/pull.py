#!/usr/bin/env python3
"""Times `pull` against `wget -r` and `rclone copy` of the same builds from nginx on loopback, in the same round.

    cargo build --release && benches/pull.py WORKDIR [BUILDS [FILES [ROUNDS [BINARY]]]]

Each build has files of its own of 2 to 34 KiB, so that every program fetches every file. `pull` compares every byte with its digest and survives a
power cut; the others do neither. Programs that are not there are left out.
"""
import os, random, shutil, socket, statistics, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
builds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
files = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
here = os.path.dirname(os.path.abspath(__file__))
binary = os.path.abspath(sys.argv[5] if len(sys.argv) > 5 else os.path.join(here, "..", "target", "release", "mirrorkeep"))
chance = random.Random(7)


def run(mirror, *args):
    done = subprocess.run([binary, "--mirror", mirror, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{args}: {done.stderr}")


def publish(number):
    for file in range(files):
        path = os.path.join(tree, f"d{file % 50}", f"f{file}.rpm")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(chance.randbytes(chance.randrange(2 << 10, 34 << 10)))
    run(mirror, "publish", tree, "--stream", "main/debian", "--build", f"20260601T{number:02}0000Z")


def serve():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary = "".join(f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(os.path.join(work, "nginx.conf"), "w") as out:
        out.write(f"daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}} http {{ access_log off; sendfile on; {temporary} "
                  f"server {{ listen 127.0.0.1:{port}; root {mirror}; autoindex on; location /.mirrorkeep {{ deny all; }} }} }}")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    server = subprocess.Popen([nginx, "-p", work, "-e", "stderr", "-c", "nginx.conf"])
    time.sleep(1)
    return server, f"http://127.0.0.1:{port}"


def pull(to):
    run(to, "init", "--layout", "generic")
    began = time.perf_counter()
    run(to, "pull", url, to)
    return time.perf_counter() - began


def wget(to):
    began = time.perf_counter()
    subprocess.run(["wget", "-q", "-r", "-np", "-nH", "-R", "index.html*", "-P", to, f"{url}/main/"], check=True)
    return time.perf_counter() - began


def rclone(to):
    began = time.perf_counter()
    subprocess.run([clone, "copy", "--config", os.path.join(work, "none"), "--transfers", "16", "--http-url", url, ":http:/main", to], check=True)
    return time.perf_counter() - began


shutil.rmtree(work, ignore_errors=True)
mirror, tree = os.path.join(work, "mirror"), os.path.join(work, "tree")
os.makedirs(tree)
run(mirror, "init", "--layout", "generic")
with open(os.path.join(mirror, ".mirrorkeep", "mirror.yaml"), "a") as out:
    out.write("changes: {}\n")
for number in range(builds):
    publish(number)
run(mirror, "export", "changes")
clone = shutil.which("rclone") or os.path.join(here, "..", "target", "servers", "rclone", "bin", "rclone")
programs = [pull] + ([wget] if shutil.which("wget") else []) + ([rclone] if os.path.exists(clone) else [])
server, url = serve()
found = {program.__name__: [] for program in programs}
try:
    for number in range(rounds):
        for program in programs if number % 2 == 0 else reversed(programs):
            to = os.path.join(work, "to")
            shutil.rmtree(to, ignore_errors=True)
            os.sync()
            found[program.__name__].append(program(to))
finally:
    server.terminate()
print(f"{builds} builds of {files} files, {rounds} rounds, medians")
ours = statistics.median(found["pull"])
for name, times in found.items():
    theirs = statistics.median(times)
    print(f"{name:>8}: {theirs:.2f} s; pull takes {ours / theirs:.2f} of it")
