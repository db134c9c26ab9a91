#!/usr/bin/env python3
"""How Holdfast grows: one generated repository for each size, and every command a person waits for.

  scale.py --holdfast BINARY --dir DIR [--chunks 10000,100000,1000000] [--files 40000,400000,4000000] [--json FILE] [--go go] [--keep]

For each size it sets a profile up, lets core/backup's BenchmarkGenerate make a source of sparse files (two chunks of
60 bytes each) with a repository that holds them, packs of some 20 chunks as if these were of a megabyte, and then
times whole processes, with their peak memory as the kernel counts it:

  again       backup, nothing changed
  few         backup after 1,000 files in 100 folders were written to
  snapshots, ls (a folder of 200), find (a name that one file has), restore (one file)
  preview     what a prune that keeps the newest backup alone would do
  prune       the same in earnest, without waiting: moves, deletes, merges the indexes
  after       backup, nothing changed, on what the prune left

The last three run in bench/smallpacks: Holdfast itself would join packs this small.

--files measures a first backup, and two unchanged ones, of so many files of up to a kilobyte (random bytes) in
folders of 1,000, which is about the files alone: there are next to no chunks. --restic NAME, a program on PATH,
does the same after it in the same minutes.

10 million chunks take 6 GB of disk, and 20 minutes on a quiet machine. DIR/SIZE is deleted after each size.
"""
import argparse, json, os, random, shutil, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))


def run(args):
    """Runs a command; returns seconds, peak MiB, processor seconds and what it printed."""
    read, write = os.pipe()
    begin = time.monotonic()
    pid = os.posix_spawnp(args[0], args, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        out = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(args)}: exit code {os.waitstatus_to_exitcode(status)}\n{out.decode(errors='replace')}")
    return {"seconds": round(seconds, 3), "mib": round(usage.ru_maxrss / 1024, 1), "cpu": round(usage.ru_utime + usage.ru_stime, 3)}, out


def size_of(folder):
    """Number of files below a folder, and their bytes."""
    files = total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            files += 1
            total += os.stat(os.path.join(base, name)).st_size
    return {"objects": files, "bytes": total}


def sizes(root):
    out = {kind: size_of(os.path.join(root, "dest", kind)) for kind in ("packs", "indexes", "snapshots", "pending", "marks")}
    out["dest"] = size_of(os.path.join(root, "dest"))
    out["cache"] = size_of(os.path.join(root, "profile", "cache"))
    return out


def touch(root, chunks):
    """Writes to 1,000 files in 100 folders."""
    rng = random.Random(1)
    src = os.path.join(root, "src")
    folders = [os.path.join(a, b) for a in sorted(os.listdir(src)) for b in sorted(os.listdir(os.path.join(src, a)))]
    for folder in rng.sample(folders, min(100, len(folders))):
        for i in range(10):
            with open(os.path.join(src, folder, f"file-{i:03}.txt"), "wb") as f:
                f.write(rng.randbytes(2000))


def measure(a, chunks):
    root = os.path.join(a.dir, str(chunks))
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(os.path.join(root, "src"))
    holdfast = [a.holdfast, "--profile", os.path.join(root, "profile"), "--keyring", "file"]
    run(holdfast + ["setup", "--destination", os.path.join(root, "dest"), "--source", os.path.join(root, "src"), "--key-out", os.path.join(root, "key")])
    begin = time.monotonic()
    subprocess.run([a.go, "test", "./core/backup", "-run", "^$", "-bench", "^BenchmarkGenerate$", "-benchtime", "1x", "-timeout", "3h",
                    "-args", "-scale.dir", root, "-scale.chunks", str(chunks)],
                   cwd=os.path.dirname(HERE), check=True, stdout=subprocess.DEVNULL)
    os.sync()
    out = {"chunks": chunks, "files": chunks // 2, "generated": round(time.monotonic() - begin, 1), "first": sizes(root)}
    steps = out["steps"] = {}

    def step(name, *args):
        steps[name], printed = run(list(args) if args[0] == a.smallpacks else holdfast + list(args))
        print(f"{chunks:>9}  {name:<10} {steps[name]['seconds']:>9.3f} s  {steps[name]['mib']:>8.1f} MiB  {steps[name]['cpu']:>9.3f} s of processor", flush=True)
        return printed

    step("again", "backup")
    touch(root, chunks)
    step("few", "backup")
    step("again 2", "backup")
    step("snapshots", "snapshots")
    middle = sorted(os.listdir(os.path.join(root, "src")))[-1]
    assert step("ls", "ls", "latest", f"src/{middle}/00").count(b"\n") >= min(200, chunks // 2), "a folder is not whole"
    assert b"file-007" in step("find", "find", "file-007.txt"), "a name was not found"
    out_dir = os.path.join(root, "out")
    step("restore", "restore", "latest", "--to", out_dir, "--path", f"src/{middle}/00/file-007.txt")
    assert os.path.getsize(os.path.join(out_dir, "src", middle, "00", "file-007.txt")) > 0, "the file is empty"
    small = [a.smallpacks, "-profile", os.path.join(root, "profile")]
    step("preview", *small, "preview")
    step("prune", *small, "prune")
    out["pruned"] = sizes(root)
    step("after", *small, "backup")
    if not a.keep:
        shutil.rmtree(root)
    return out


def measure_files(a, files):
    root = os.path.join(a.dir, f"files-{files}")
    shutil.rmtree(root, ignore_errors=True)
    noise = random.Random(1).randbytes(1 << 20)
    for folder in range(0, files, 1000):
        path = os.path.join(root, "src", f"{folder // 1000:05}")
        os.makedirs(path)
        for i in range(min(1000, files - folder)):
            at = (folder + i) * 104729 % (1 << 19)
            fd = os.open(os.path.join(path, f"file-{i:03}.txt"), os.O_CREAT | os.O_WRONLY, 0o644)
            os.write(fd, noise[at:at + (folder + i) * 7919 % 1025])
            os.close(fd)
    holdfast = [a.holdfast, "--profile", os.path.join(root, "profile"), "--keyring", "file"]
    run(holdfast + ["setup", "--destination", os.path.join(root, "dest"), "--source", os.path.join(root, "src"), "--key-out", os.path.join(root, "key")])
    out = {"files": files, "steps": {}}
    programs = {"": holdfast + ["backup"]}
    if a.restic:
        os.environ["RESTIC_PASSWORD"] = "bench"
        restic = [a.restic, "--quiet", "--cache-dir", os.path.join(root, "restic-cache"), "-r", os.path.join(root, "restic")]
        run(restic + ["init"])
        programs[" " + a.restic] = restic + ["backup", os.path.join(root, "src")]
    for program, command in programs.items():
        for step in ("first", "again", "again 2"):
            name = step + program
            out["steps"][name], _ = run(command)
            print(f"{files:>9}  {name:<20} {out['steps'][name]['seconds']:>9.3f} s  {out['steps'][name]['mib']:>8.1f} MiB  {out['steps'][name]['cpu']:>9.3f} s of processor", flush=True)
    out["first"] = {k: size_of(os.path.join(root, k)) for k in ("dest", "profile")}
    if not a.keep:
        shutil.rmtree(root)
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--holdfast", required=True)
    p.add_argument("--dir", required=True)
    p.add_argument("--chunks", default="10000,100000,1000000")
    p.add_argument("--files", default="")
    p.add_argument("--restic", default="")
    p.add_argument("--json")
    p.add_argument("--go", default="go")
    p.add_argument("--keep", action="store_true")
    a = p.parse_args()
    a.holdfast, a.dir = os.path.abspath(a.holdfast), os.path.abspath(a.dir)
    os.environ["GOMAXPROCS"] = os.environ.get("GOMAXPROCS", "2")
    a.smallpacks = os.path.join(a.dir, "smallpacks")
    subprocess.run([a.go, "build", "-trimpath", "-o", a.smallpacks, "./bench/smallpacks"], cwd=os.path.dirname(HERE), env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    results = []
    sizes_of = [(measure_files, int(n)) for n in a.files.split(",") if n] or [(measure, int(n)) for n in a.chunks.split(",")]
    for what, size in sizes_of:
        results.append(what(a, size))
        if a.json:
            with open(a.json, "w") as f:
                json.dump(results, f, indent=1)
                f.write("\n")


if __name__ == "__main__":
    main()
