#!/usr/bin/env python3
"""Times `deliver` to a webhook on loopback against bare requests with the same bodies over one connection that stays open.

    cargo build --release && cargo build --release --bench requests && benches/deliver.py WORKDIR [EVENTS [ROUNDS [BINARY]]]

The mirror has one build and a label for each event. The receiver answers 204 and keeps connections open; it is a process of its own. There are two
bare clients, and both sign each body as a sender does: one with the HTTP client that mirrorkeep uses (`benches/requests.rs`), which is what `deliver` is
measured against, and one that writes to a socket. The rounds are interleaved.
"""
import asyncio, base64, glob, hashlib, hmac, multiprocessing, os, shutil, socket, statistics, subprocess, sys, time

work = os.path.abspath(sys.argv[1])
count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
here = os.path.dirname(os.path.abspath(__file__))
binary = os.path.abspath(sys.argv[4] if len(sys.argv) > 4 else os.path.join(here, "..", "target", "release", "mirrorkeep"))
built = [path for path in glob.glob(os.path.join(os.path.dirname(binary), "deps", "requests-*")) if os.access(path, os.X_OK)]
requests = max(built, key=os.path.getmtime) if built else sys.exit("build it first: cargo build --release --bench requests")
SECRET = base64.b64encode(bytes(range(32))).decode()


class Receiver(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.pending = transport, b""

    def data_received(self, data):
        self.pending += data
        while True:
            head = self.pending.find(b"\r\n\r\n")
            if head < 0:
                return
            length = next(int(line.split(b":")[1]) for line in self.pending[:head].split(b"\r\n") if line.lower().startswith(b"content-length:"))
            if len(self.pending) < head + 4 + length:
                return
            self.pending = self.pending[head + 4 + length:]
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def serve(listener):
    async def forever():
        server = await asyncio.get_running_loop().create_server(Receiver, sock=listener)
        await server.serve_forever()
    asyncio.run(forever())


def run(*args):
    return subprocess.run([binary, "--mirror", mirror, *args], check=True, capture_output=True, text=True, env={**os.environ, "HOOK_SECRET": f"whsec_{SECRET}"}).stdout


def bare(bodies):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, body in enumerate(bodies):
            signed = base64.b64encode(hmac.new(base64.b64decode(SECRET), b"%d.0." % number + body, hashlib.sha256).digest())
            connection.sendall(b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/cloudevents+json; charset=utf-8\r\nwebhook-id: %d\r\n"
                               b"webhook-timestamp: 0\r\nwebhook-signature: v1,%s\r\ncontent-length: %d\r\n\r\n%s" % (number, signed, len(body), body))
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += connection.recv(4096)


def same_client():
    return float(subprocess.run([requests, f"http://127.0.0.1:{port}/", lines], check=True, capture_output=True, text=True).stdout)


def timed(act):
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


shutil.rmtree(work, ignore_errors=True)
mirror, tree = os.path.join(work, "mirror"), os.path.join(work, "tree")
os.makedirs(tree)
open(os.path.join(tree, "a.iso"), "w").close()
run("init", "--layout", "generic")
run("publish", tree, "--stream", "main/debian", "--build", "20260601T020000Z")
for number in range(count):
    run("label", "main/debian/20260601T020000Z", f"n={number}")
bodies = run("events").encode().splitlines()
lines = os.path.join(work, "lines")
with open(lines, "wb") as out:
    out.write(b"\n".join(bodies))
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
receiver = multiprocessing.Process(target=serve, args=(listener,), daemon=True)
receiver.start()
with open(os.path.join(mirror, ".mirrorkeep", "deliver.yaml"), "w") as out:
    out.write(f"deliver: 1\nto: [{{name: bench, since: 1, webhook: {{url: 'http://127.0.0.1:{port}/', secret_env: HOOK_SECRET}}}}]\n")
found = {"deliver": [], "same client": [], "bare socket": []}
for _ in range(rounds):
    shutil.rmtree(os.path.join(mirror, ".mirrorkeep", "deliver"), ignore_errors=True)
    found["deliver"].append(timed(lambda: run("deliver")))
    found["same client"].append(same_client())
    found["bare socket"].append(timed(lambda: bare(bodies)))
receiver.terminate()
for name, seconds in found.items():
    rate = len(bodies) / statistics.median(seconds)
    print(f"{name:14} {statistics.median(seconds):7.3f} s  ({min(seconds):.3f} to {max(seconds):.3f})  {rate:8.0f} events a second")
for name in ("same client", "bare socket"):
    print(f"rate of deliver / rate of {name}: medians {statistics.median(found[name]) / statistics.median(found['deliver']):.2f}, "
          f"fastest rounds {min(found[name]) / min(found['deliver']):.2f}")
