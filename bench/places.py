#!/usr/bin/env python3
"""Holdfast beside restic and a raw copy, to servers of S3 and SFTP behind a link of some round trip and bandwidth, in turns.

  places.py --holdfast BINARY --shape BINARY --versitygw BINARY --dir DIR [--rounds 3] [--scale 0.05] [--links 60:100,10:1000]
            [--places s3,sftp] [--only holdfast,restic,raw] [--before BINARY] [--requests] [--json FILE]

The servers run on this computer; bench/shape is the link to them. holdfast-remote lies beside each Holdfast. Steps: first
backup, again unchanged, a folder of the newest snapshot is listed, restore. "raw" is rclone, which copies as many random bytes as
Holdfast has stored, in files of 16 MiB, eight at once. Requests are the lines of versitygw's log, and what OpenSSH's
sftp-server logs. Peak memory is the sum of each process's greatest. --requests prints each request of an unchanged backup.
"""
import argparse, glob, json, os, pathlib, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
STEPS = ["first", "again", "browse", "restore"]
PIECE = 16 << 20
# No program finds anything of somebody else's S3 in it.
HERE_ENV = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_", "RESTIC_"))}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def listening(port, process):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None:
                sys.exit(f"{process.args[0]} ended")
            time.sleep(0.02)


class S3:
    name, bucket, key, secret = "s3", "bench", "AKIABENCH", "benchbench"

    def __init__(self, work, args):
        self.root, self.log = work / "files", work / "log"
        for d in (self.root / self.bucket, work / "meta"):
            d.mkdir(parents=True)
        self.port = free_port()
        env = dict(os.environ, ROOT_ACCESS_KEY=self.key, ROOT_SECRET_KEY=self.secret)
        self.process = subprocess.Popen([args.versitygw, "--port", f"127.0.0.1:{self.port}", "--quiet", "--keep-alive", "--access-log", self.log, "posix",
                                         "--sidecar", work / "meta", self.root], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listening(self.port, self.process)

    def stored(self, what):
        return self.root / self.bucket / what

    def holdfast(self, port, what):
        return f"s3://{self.bucket}/{what}?endpoint=http://127.0.0.1:{port}&region=us-east-1", f"{self.key}\n{self.secret}\n"

    def restic(self, port, what):
        return ["-r", f"s3:http://127.0.0.1:{port}/{self.bucket}/{what}"], dict(AWS_ACCESS_KEY_ID=self.key, AWS_SECRET_ACCESS_KEY=self.secret)

    def rclone(self, port, what):
        return f":s3,provider=Other,access_key_id={self.key},secret_access_key={self.secret},endpoint='http://127.0.0.1:{port}':{self.bucket}/{what}"

    def requests(self, since):
        return [" ".join(re.findall(r'REST\.\S+ \S+|"[A-Z]+ [^"]*"', line)) or line for line in self.log.read_text().splitlines()[since:]]


class SFTP:
    name = "sftp"

    def __init__(self, work, args):
        work.mkdir(parents=True)
        self.root, self.log, self.key = work / "files", work / "log", work / "key"
        self.root.mkdir()
        self.log.touch()
        for k in (self.key, work / "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", k], check=True)
        shutil.copy(str(self.key) + ".pub", work / "authorized")
        self.fingerprint = subprocess.run(["ssh-keygen", "-l", "-f", work / "host"], check=True, capture_output=True, text=True).stdout.split()[1]
        self.port = free_port()
        server = next(p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if os.path.exists(p))
        wrapper = work / "sftp-server"
        wrapper.write_text(f"#!/bin/sh\nexec {server} -e -l DEBUG3 2>>{self.log}\n")
        wrapper.chmod(0o700)
        os.makedirs("/run/sshd", exist_ok=True)
        (work / "config").write_text("\n".join([
            "ListenAddress 127.0.0.1", f"Port {self.port}", f"HostKey {work}/host", f"AuthorizedKeysFile {work}/authorized", "PidFile none",
            "StrictModes no", "UsePAM no", "PasswordAuthentication no", "MaxStartups 100", "MaxSessions 100", f"Subsystem sftp {wrapper}",
            "SetEnv SHLVL=5", ""]))  # bash reads .bashrc at each login otherwise, and what that starts takes both cores
        self.process = subprocess.Popen([shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"]), "-D", "-e", "-f", work / "config"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listening(self.port, self.process)
        self.user = os.environ.get("USER") or "root"

    def stored(self, what):
        return self.root / what

    def holdfast(self, port, what):
        self.stored(what).mkdir()
        return f"sftp://{self.user}@127.0.0.1:{port}{self.stored(what)}", self.key.read_text()

    def restic(self, port, what):
        command = f"ssh -p {port} -i {self.key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR {self.user}@127.0.0.1 -s sftp"
        return ["-o", "sftp.command=" + command, "-r", f"sftp::{self.stored(what)}"], {}

    def rclone(self, port, what):
        return f":sftp,host=127.0.0.1,port={port},user={self.user},key_file={self.key},shell_type=none:{self.stored(what)}"

    def requests(self, since):
        return [line for line in self.log.read_text(errors="replace").splitlines()[since:] if re.search(r"request \d+:|: init|extended", line)]


class Holdfast:
    def __init__(self, binary, work, tree, place, port):
        self.base = [binary, "--profile", work / "profile", "--keyring", "file"]
        self.out, self.env = work / "out", {}
        address, secret = place.holdfast(port, work.name)
        (work / "secret").write_text(secret)
        trust = ["--trust", place.fingerprint] if place.name == "sftp" else []
        self.setup = [*self.base, "setup", "--destination", address, "--secret-in", work / "secret", *trust, "--source", tree, "--key-out", work / "key"]

    def first(self):
        return [*self.base, "backup"]

    again = first

    def browse(self, folder):
        return [*self.base, "ls", "latest", folder]

    def restore(self):
        return [*self.base, "restore", "latest", "--to", self.out]

    def restored(self, tree):
        return self.out / "tree"


class Restic:
    def __init__(self, work, tree, place, port):
        self.out, self.tree = work / "out", tree
        where, env = place.restic(port, work.name)
        self.env = dict(env, RESTIC_PASSWORD="bench")
        self.base = ["restic", "--quiet", "--cache-dir", work / "cache", *where]
        self.setup = [*self.base, "init"]

    def first(self):
        return [*self.base, "backup", self.tree]

    again = first

    def browse(self, folder):
        return [*self.base, "ls", "latest", self.tree.parent / folder]

    def restore(self):
        return [*self.base, "restore", "latest", "--target", self.out]

    def restored(self, tree):
        return pathlib.Path(str(self.out) + str(tree))


class Raw:
    def __init__(self, work, size, place, port):
        self.out, self.data, self.env, self.setup = work / "out", work / "data", {}, ["true"]
        self.data.mkdir()
        for i, at in enumerate(range(0, size, PIECE)):
            (self.data / f"{i:04}").write_bytes(os.urandom(min(PIECE, size - at)))
        self.there = place.rclone(port, work.name)
        self.base = ["rclone", "--config", "/dev/null", "-q", "--transfers", "8", "--s3-no-check-bucket", "copy"]

    def first(self):
        return [*self.base, self.data, self.there]

    def restore(self):
        return [*self.base, self.there, self.out]


def children(pid):
    out = []
    for t in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            for c in pathlib.Path(t).read_text().split():
                out += [c, *children(c)]
        except OSError:
            pass
    return out


def timed(command, env):
    """Returns wall seconds, and the peak MB of all processes together."""
    peaks, log = {}, tempfile.TemporaryFile()
    begin = time.monotonic()
    p = subprocess.Popen(list(map(str, command)), env=dict(HERE_ENV, **env), stdout=log, stderr=log)

    def watch():
        while p.returncode is None:
            for pid in [str(p.pid), *children(p.pid)]:
                try:
                    m = re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
                    peaks[pid] = int(m[1]) * 1024 / 1e6 if m else peaks.get(pid, 0)
                except OSError:
                    pass
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    p.wait()
    wall = time.monotonic() - begin
    watcher.join()
    if p.returncode != 0:
        log.seek(0)
        sys.exit("%s ended with %d:\n%s" % (command, p.returncode, log.read().decode(errors="replace")[-2000:]))
    return {"wall": wall, "peak": sum(peaks.values())}


def size(path):
    return sum(os.lstat(os.path.join(d, n)).st_size for d, _, names in os.walk(path) for n in names)


def one_round(program, place, workload, folder, args):
    tree, out = workload / "tree", {}
    timed(program.setup, program.env)
    for step in STEPS:
        do = getattr(program, step, None)
        if do is None:
            continue
        os.sync()
        since = len(place.log.read_text(errors="replace").splitlines())
        out[step] = timed(do(folder) if step == "browse" else do(), program.env)
        time.sleep(0.3)  # the log is written behind the answer
        requests = place.requests(since)
        out[step]["requests"] = len(requests)
        if args.requests and step in ("again", "browse") and isinstance(program, Holdfast):
            print(f"{step}:", *requests, sep="\n  ", flush=True)
    if hasattr(program, "restored"):
        check = subprocess.run([sys.executable, HERE / "workload.py", "check", workload, program.restored(tree)], capture_output=True, text=True)
        if check.returncode != 0:
            sys.exit("not restored as it was: " + check.stdout + check.stderr)
    return out


def measure(args, rtt, mbit, kind, workload):
    base = pathlib.Path(tempfile.mkdtemp(prefix=f"{kind.name}-{rtt}-", dir=args.dir))
    place = kind(base / "server", args)
    shape = subprocess.Popen([args.shape, "-to", f"127.0.0.1:{place.port}", "-rtt", f"{rtt}ms", "-mbit", str(mbit)], stdout=subprocess.PIPE, text=True)
    port = int(shape.stdout.readline().rsplit(":", 1)[1])
    folder = "tree/" + sorted(os.listdir(workload / "tree"))[-1] + "/000"
    results = {}
    try:
        stored = 0
        for r in range(args.rounds):
            for name in args.only:
                work = base / f"{name}-{r}"
                work.mkdir()
                if name == "restic":
                    program = Restic(work, workload / "tree", place, port)
                elif name == "raw":
                    program = Raw(work, stored or size(workload / "tree"), place, port)
                else:
                    program = Holdfast(args.holdfast if name == "holdfast" else args.before, work, workload / "tree", place, port)
                figures = one_round(program, place, workload, folder, args)
                if name == "holdfast":
                    stored = size(place.stored(work.name))
                results.setdefault(name, []).append(figures)
                print(f"{kind.name} {rtt} ms {mbit} Mbit/s, {name}:", {s: {k: round(v, 2) for k, v in f.items()} for s, f in figures.items()}, flush=True)
                shutil.rmtree(work)
                shutil.rmtree(place.stored(work.name), ignore_errors=True)
    finally:
        for p in (shape, place.process):
            p.terminate()
            p.wait()
        shutil.rmtree(base, ignore_errors=True)
    return results


def median(rounds, step, figure):
    found = [r[step][figure] for r in rounds if step in r]
    return statistics.median(found) if found else None


def report(title, results):
    print(f"\n{title}\n\n| | " + " | ".join(STEPS) + " | requests again | peak memory, MB |\n|" + " --- |" * (len(STEPS) + 3))
    for name, rounds in results.items():
        cells = [median(rounds, s, "wall") for s in STEPS]
        peak = max(median(rounds, s, "peak") or 0 for s in STEPS)
        requests = median(rounds, "again", "requests")
        print(f"| {name}, s | " + " | ".join("" if c is None else f"{c:.2f}" for c in cells) + f" | {'' if requests is None else int(requests)} | {peak:.0f} |")
    for name in results:
        if name != "holdfast" and "holdfast" in results:
            pairs = [[a[s]["wall"] / b[s]["wall"] for a, b in zip(results["holdfast"], results[name]) if s in a and s in b] for s in STEPS]
            print(f"| **Holdfast / {name}** | " + " | ".join(f"**{statistics.median(p):.2f}**" if p else "" for p in pairs) + " | | |")
    sys.stdout.flush()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("holdfast", "shape", "versitygw", "dir"):
        a.add_argument("--" + name, required=True, type=lambda p: pathlib.Path(p).resolve())
    a.add_argument("--before", type=lambda p: pathlib.Path(p).resolve(), help="an older Holdfast, with its holdfast-remote beside it")
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--scale", type=float, default=0.05, help="of bench/workload.py; 0.05 is some 105 MB and 2,000 small files")
    a.add_argument("--links", default="60:100,10:1000", help="round trip in ms : Mbit/s")
    a.add_argument("--places", default="s3,sftp")
    a.add_argument("--only", default="holdfast,restic,raw")
    a.add_argument("--requests", action="store_true")
    a.add_argument("--json")
    args = a.parse_args()
    args.only = args.only.split(",")
    if args.before:
        args.only.insert(1, "before")
    workload = args.dir / f"workload-{args.scale}"
    if not (workload / "made").exists():
        shutil.rmtree(workload, ignore_errors=True)
        workload.mkdir(parents=True)
        subprocess.run([sys.executable, HERE / "workload.py", "--scale", str(args.scale), "make", workload], check=True)
        (workload / "made").touch()
    everything = {}
    for link in args.links.split(","):
        rtt, mbit = map(int, link.split(":"))
        for kind in (S3, SFTP):
            if kind.name in args.places.split(","):
                title = f"{kind.name}, {rtt} ms, {mbit} Mbit/s"
                everything[title] = measure(args, rtt, mbit, kind, workload)
                report(title, everything[title])
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(everything, indent=1))


main()
