#!/usr/bin/env python3
"""Holdfast beside restic and borg, in turns, on the same workload, in the same minute.

  run.py --holdfast BINARY --dir DIR [--rounds 3] [--scale 1.0] [--only NAME,...] [--json FILE] [--before BINARY]

Each round gives every program, one after the other, a new repository and these steps:
first backup, again unchanged, after the increment, restore, verify of all data, one file of about 5 MB
with nothing of repository and cache in memory. Programs: holdfast, restic, borg; and, where they are on PATH, kopia, duplicacy,
restic-0.19 (a newer restic under that name) and age (tar | zstd -3 | age, which has no increments).
With --before, an older Holdfast takes part too, under the name "before".
Whole processes are timed (wall, user + system, peak memory). It prints medians,
and Holdfast's ratio to each peer; these machines are noisy, so only ratios from one run mean anything.
Before each step it touches and frees memory and syncs, since first-touched memory and
dirty pages of the step before would be charged to the next (docs/performance.md).
"""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = ["first", "again", "increment", "restore", "verify", "file"]


class Program:
    name, env = "", {}

    def __init__(self, work, tree):
        self.work, self.tree = work, tree
        self.repo = os.path.join(work, "repo")
        self.out = os.path.join(work, "out")

    def prepare(self):
        """Runs once after setup, untimed."""

    @classmethod
    def installed(cls):
        return bool(shutil.which(cls.name))


class Holdfast(Program):
    name, binary = "holdfast", ""

    def call(self, *args):
        return [self.binary, "--profile", os.path.join(self.work, "profile"), "--keyring", "file", *args]

    def setup(self):
        return self.call("setup", "--destination", self.repo, "--source", self.tree, "--key-out", os.path.join(self.work, "key"))

    def backup(self):
        return self.call("backup")

    def restore(self):
        return self.call("restore", "latest", "--to", self.out)

    def verify(self):
        return self.call("verify", "--data", "100")

    def restored(self):
        return os.path.join(self.out, "tree")

    def file(self, path):
        return self.call("restore", "latest", "--to", self.out, "--include", "tree/" + path)


class Before(Holdfast):
    name, binary = "before", ""


class Restic(Program):
    name, env = "restic", {"RESTIC_PASSWORD": "bench"}

    def call(self, *args):
        return [self.name, "--quiet", "--cache-dir", os.path.join(self.work, "cache"), "-r", self.repo, *args]

    def setup(self):
        return self.call("init")

    def backup(self):
        return self.call("backup", self.tree)

    def restore(self):
        return self.call("restore", "latest", "--target", self.out)

    def verify(self):
        return self.call("check", "--read-data")

    def restored(self):
        return self.out + self.tree

    def file(self, path):
        return self.call("restore", "latest", "--target", self.out, "--include", os.path.join(self.tree, path))


class NewRestic(Restic):
    name = "restic-0.19"


class Borg(Program):
    name, env = "borg", {"BORG_PASSPHRASE": "bench", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
    count = 0

    def setup(self):
        self.env = dict(self.env, BORG_BASE_DIR=os.path.join(self.work, "base"))
        return ["borg", "init", "-e", "repokey-blake2", self.repo]

    def backup(self):
        self.count += 1
        return ["borg", "create", "-C", "auto,zstd,3", "%s::a%d" % (self.repo, self.count), self.tree]

    def restore(self):
        os.makedirs(self.out)
        return ["sh", "-c", 'cd "$1" && exec borg extract "$2"', "sh", self.out, "%s::a%d" % (self.repo, self.count)]

    def verify(self):
        return ["borg", "check", "--verify-data", self.repo]

    def restored(self):
        return self.out + self.tree

    def file(self, path):
        os.makedirs(self.out)
        return ["sh", "-c", 'cd "$1" && exec borg extract "$2" "$3"', "sh", self.out, "%s::a%d" % (self.repo, self.count), os.path.join(self.tree, path)[1:]]


class Kopia(Program):
    name = "kopia"

    def setup(self):
        self.env = {"KOPIA_PASSWORD": "bench", "KOPIA_CONFIG_PATH": os.path.join(self.work, "config"), "KOPIA_LOG_DIR": os.path.join(self.work, "log"),
                    "KOPIA_CHECK_FOR_UPDATES": "false"}
        os.makedirs(self.repo)
        return ["kopia", "repository", "create", "filesystem", "--path", self.repo, "--cache-directory", os.path.join(self.work, "cache")]

    def prepare(self):
        timed(["kopia", "policy", "set", "--global", "--compression", "zstd-fastest"], self.env)

    def backup(self):
        return ["kopia", "snapshot", "create", "--no-progress", self.tree]

    def restore(self):
        return ["kopia", "restore", "--no-progress", "--snapshot-time", "latest", self.tree, self.out]

    def verify(self):
        return ["kopia", "snapshot", "verify", "--verify-files-percent", "100"]

    def restored(self):
        return self.out

    def file(self, path):
        return ["kopia", "restore", "--no-progress", "--snapshot-time", "latest", os.path.join(self.tree, path), self.out]


class Duplicacy(Program):
    name, env = "duplicacy", {"DUPLICACY_PASSWORD": "benchbench"}
    count = 0

    def inside(self, folder, *args):
        """Runs it with its preferences in a folder, not in the tree."""
        return ["sh", "-c", 'mkdir -p "$1" && cd "$1" && shift && exec duplicacy "$@"', "sh", os.path.join(self.work, folder), *args]

    def setup(self):
        os.makedirs(self.repo)
        return self.inside("here", "init", "-e", "-zstd", "-repository", self.tree, "bench", self.repo)

    def backup(self):
        self.count += 1
        return self.inside("here", "backup", "-threads", "2")

    def restored(self):
        shutil.rmtree(os.path.join(self.out, ".duplicacy"), ignore_errors=True) # an empty folder that it makes
        return self.out

    def back(self, *names):
        folder = os.path.basename(self.out) + "-preferences"
        os.makedirs(self.out)
        timed(self.inside(folder, "init", "-e", "-repository", self.out, "bench", self.repo), self.env)
        return self.inside(folder, "restore", "-r", str(self.count), "-threads", "2", *(("--",) + names if names else ()))

    def restore(self):
        return self.back()

    def verify(self):
        return self.inside("here", "check", "-chunks", "-threads", "2")

    def file(self, path):
        return self.back(path)


class TarAge(Program):
    name = "age"

    @classmethod
    def installed(cls):
        return all(map(shutil.which, ("age", "age-keygen", "zstd")))

    def setup(self):
        os.makedirs(self.repo)
        return ["sh", "-c", 'age-keygen -o "$1/key" && age-keygen -y "$1/key" > "$1/recipient"', "sh", self.work]

    def backup(self):
        return ["sh", "-c", 'tar -C "$1" -cf - tree | zstd -q -3 -T2 | age -R "$2/recipient" > "$2/repo/all.new" && sync "$2/repo/all.new" && mv "$2/repo/all.new" "$2/repo/all"',
                "sh", os.path.dirname(self.tree), self.work]

    def restore(self):
        os.makedirs(self.out)
        return self.unpack()

    def unpack(self, *names):
        return ["sh", "-c", 'w=$1; shift; age -d -i "$w/key" "$w/repo/all" | zstd -qd | tar -C "$w/out" -xf - "$@"', "sh", self.work, *names]

    def verify(self):
        return ["sh", "-c", 'age -d -i "$1/key" "$1/repo/all" | zstd -qd > /dev/null', "sh", self.work]

    def restored(self):
        return os.path.join(self.out, "tree")

    def file(self, path):
        os.makedirs(self.out)
        return self.unpack("tree/" + path)


def timed(cmd, env):
    """Returns wall seconds, CPU seconds and peak MiB of a whole process."""
    import time
    log = tempfile.TemporaryFile()
    begin = time.monotonic()
    p = subprocess.Popen(cmd, env=dict(os.environ, **env), stdout=log, stderr=log)
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.monotonic() - begin
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        log.seek(0)
        sys.exit("%s ended with %d:\n%s" % (" ".join(cmd), p.returncode, log.read().decode(errors="replace")[-2000:]))
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / 1024}


def settle(tree):
    """Touches memory, warms the cache of the tree, and writes dirty pages out."""
    # In a process of its own: a child's peak begins with that of who forked it.
    subprocess.run([sys.executable, "-c", "m = bytearray(3 << 30)\nm[::4096] = b'1' * len(m[::4096])"], check=True)
    for folder, _, names in os.walk(tree):
        for n in names:
            with open(os.path.join(folder, n), "rb") as f:
                while f.read(1 << 20):
                    pass
    os.sync()


def forget(path):
    """Drops what memory holds of a folder's files, so that the next who reads them waits for the disk."""
    os.sync()
    for folder, _, names in os.walk(path):
        for n in names:
            fd = os.open(os.path.join(folder, n), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def emptied(path):
    """Frees the disk and leaves the names, which go at the end of the run. For minutes ext4 looks at every deleted
    inode before it makes a new one (recently_deleted), so whoever restores after 40,000 deletions waits for seconds."""
    for folder, _, names in os.walk(path):
        for n in names:
            file = os.path.join(folder, n)
            if not os.path.islink(file):
                os.truncate(file, 0)


def one_file(tree):
    """The path in the tree of the media file that is nearest to 5 MB."""
    media = os.path.join(tree, "media")
    paths = [os.path.join(d, n) for d, _, names in os.walk(media) for n in names]
    return os.path.relpath(min(paths, key=lambda p: (abs(os.path.getsize(p) - 5_000_000), p)), tree)


def size(path):
    return sum(os.lstat(os.path.join(d, n)).st_size for d, _, names in os.walk(path) for n in names)


def one_round(kind, base, workload):
    work = tempfile.mkdtemp(prefix="round-", dir=base)
    tree = os.path.join(workload, "tree")
    p = kind(work, tree)
    generator = [sys.executable, os.path.join(HERE, "workload.py")]
    timed(p.setup(), p.env)
    p.prepare()
    out = {}
    settle(tree)
    out["first"] = timed(p.backup(), p.env)
    out["repository"] = size(p.repo)
    settle(tree)
    out["again"] = timed(p.backup(), p.env)
    before = size(p.repo)
    subprocess.run(generator + ["apply", workload], check=True, stdout=subprocess.DEVNULL)
    try:
        settle(tree)
        out["increment"] = timed(p.backup(), p.env)
        out["growth"] = size(p.repo) - before
        settle(tree)
        out["restore"] = timed(p.restore(), p.env)
        check = subprocess.run(generator + ["check", workload, p.restored()], capture_output=True, text=True)
        if check.returncode != 0:
            sys.exit("%s did not restore what was backed up: %s" % (p.name, check.stdout + check.stderr))
        emptied(p.out)
        p.out = os.path.join(work, "one")
        settle(tree)
        out["verify"] = timed(p.verify(), p.env)
        path = one_file(tree)
        settle(tree)
        forget(work)
        out["file"] = timed(p.file(path), p.env)
    finally:
        subprocess.run(generator + ["revert", workload], check=True, stdout=subprocess.DEVNULL)
        emptied(work)
    return out


def median(rounds, step, figure):
    return statistics.median(r[step][figure] for r in rounds)


def report(results):
    head = ["", *STEPS, "repository", "growth"]
    rows = []
    for name, rounds in results.items():
        rows.append(["%s s" % name] + ["%.2f" % median(rounds, s, "wall") for s in STEPS] +
                    ["%.0f MB" % (statistics.median(r[k] for r in rounds) / 1e6) for k in ("repository", "growth")])
        rows.append(["%s MiB" % name] + ["%.0f" % median(rounds, s, "peak") for s in STEPS] + ["", ""])
    own = results.get("holdfast")
    for name, rounds in results.items() if own else ():
        if name != "holdfast":
            rows.append(["holdfast/%s" % name] + ["%.2f" % (median(own, s, "wall") / median(rounds, s, "wall")) for s in STEPS] +
                        ["%.2f" % (statistics.median(r[k] for r in own) / statistics.median(r[k] for r in rounds)) for k in ("repository", "growth")])
            rows.append(["  peak memory"] + ["%.2f" % (median(own, s, "peak") / median(rounds, s, "peak")) for s in STEPS] + ["", ""])
    widths = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
    for r in [head] + rows:
        print("  ".join(str(c).rjust(w) if i else str(c).ljust(w) for i, (c, w) in enumerate(zip(r, widths))))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--holdfast", required=True)
    a.add_argument("--dir", required=True)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--scale", type=float, default=1.0)
    a.add_argument("--only", default=",".join(["holdfast", "restic", "borg"] + [k.name for k in (NewRestic, Kopia, Duplicacy, TarAge) if k.installed()]))
    a.add_argument("--json")
    a.add_argument("--before", help="an older Holdfast to compare with")
    a = a.parse_args()
    Holdfast.binary = os.path.abspath(a.holdfast)
    base = os.path.abspath(a.dir)
    os.makedirs(base, exist_ok=True)
    workload = os.path.join(base, "workload-%g" % a.scale)
    if not os.path.exists(os.path.join(workload, "tree")):
        subprocess.run([sys.executable, os.path.join(HERE, "workload.py"), "make", workload, "--scale", str(a.scale)], check=True)
    kinds = [k for k in (Holdfast, Restic, NewRestic, Borg, Kopia, Duplicacy, TarAge) if k.name in a.only.split(",")]
    for k in kinds:
        if k is not Holdfast and not k.installed():
            sys.exit("%s is not installed" % k.name)
    if a.before:
        Before.binary = os.path.abspath(a.before)
        kinds.append(Before)
    results = {k.name: [] for k in kinds}
    try:
        for n in range(a.rounds):
            for k in kinds:
                print("round %d: %s" % (n + 1, k.name), file=sys.stderr)
                r = one_round(k, base, workload)
                print("  ".join("%s %.2f s" % (step, r[step]["wall"]) for step in STEPS), file=sys.stderr)
                results[k.name].append(r)
            if a.json: # after each round: a run of hours that is stopped has shown something
                with open(a.json, "w") as f:
                    json.dump(results, f, indent=1)
    finally:
        for name in os.listdir(base):
            if name.startswith("round-"):
                shutil.rmtree(os.path.join(base, name))
    report(results)


main()
