#!/usr/bin/env python3
"""From a start to the first window that is drawn, beside a bare window of the same toolkit, in turns.

    bench/start.py --holdfast build/holdfast --bare build/bare --dir build/start

makes a profile once, with a history of 1,000 runs and a backup of 100,000 files, and starts both programs on
a display of its own (Xvfb). The clock stops when the display's memory shows the window's first frame. The
processor's time until then is that of all threads, as the kernel counts it, in steps of 10 ms.
"""
import argparse, datetime, json, mmap, os, pathlib, shutil, statistics, subprocess, sys, time

WIDTH, HEIGHT = 1280, 800


def make_profile(holdfast, work):
    if (work / "made").exists():
        return
    shutil.rmtree(work, ignore_errors=True)
    for d in range(400):
        folder = work / "source" / f"d{d:03}"
        folder.mkdir(parents=True)
        for i in range(250):
            (folder / f"f{i:03}.txt").write_text(f"{d} {i}\n")
    run = lambda *a: subprocess.run([holdfast, *a, "--profile", work / "profile", "--keyring", "file"], check=True, stdout=subprocess.DEVNULL)
    run("setup", "--destination", work / "place", "--source", work / "source", "--key-out", work / "key")
    run("backup")
    history = work / "profile" / "activity.jsonl"
    last = json.loads(history.read_text().splitlines()[-1])
    ended = datetime.datetime.now(datetime.timezone.utc)
    runs = []
    for age in range(999, -1, -1):
        r = dict(last, id=f"{age:016x}")
        r["started"] = (ended - datetime.timedelta(hours=age, minutes=1)).isoformat()
        r["ended"] = (ended - datetime.timedelta(hours=age)).isoformat()
        if age % 20 == 7:  # with files that could not be read
            r["outcome"], r["problems_total"] = "partly", 50
            r["problems"] = [{"path": f"/home/anna/Documents/folder/file {i}", "reason": "no permission"} for i in range(50)]
        runs.append(json.dumps(r))
    history.write_text("\n".join(runs) + "\n")
    (work / "made").touch()


def processor_seconds(pid):
    after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def drawn(screen):
    """Whether the middle of the screen shows anything but the empty display's black."""
    row = screen[-WIDTH * 4 * (HEIGHT // 2) : -WIDTH * 4 * (HEIGHT // 2 - 1)]
    return any(row)


def start(command, env, screen):
    begin = time.perf_counter()
    p = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not drawn(screen):
        if p.poll() is not None:
            sys.exit(f"{command[0]} ended before its window")
        time.sleep(0.001)
    took, used = time.perf_counter() - begin, processor_seconds(p.pid)
    p.kill()
    p.wait()
    while drawn(screen):
        time.sleep(0.001)
    return took, used


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--holdfast", type=pathlib.Path, required=True)
    a.add_argument("--bare", type=pathlib.Path, required=True)
    a.add_argument("--dir", type=pathlib.Path, required=True, help="for the profile, made once")
    a.add_argument("--rounds", type=int, default=10)
    args = a.parse_args()
    holdfast, bare, work = args.holdfast.resolve(), args.bare.resolve(), args.dir.resolve()
    make_profile(holdfast, work)
    screen_dir = work / "screen"
    screen_dir.mkdir(exist_ok=True)
    tell, told = os.pipe()
    display = subprocess.Popen(["Xvfb", "-displayfd", str(told), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", screen_dir, "-nolisten", "tcp"],
                               pass_fds=[told], stderr=subprocess.DEVNULL)
    try:
        # A set of characters for both, as every desktop has one: without it the C library reads no table of dead keys.
        env = dict(os.environ, LC_CTYPE="C.UTF-8", DISPLAY=":" + os.read(tell, 16).decode().strip(), HOME=str(work), XDG_CONFIG_HOME=str(work / "config"), LANG="en_US.UTF-8")
        with open(screen_dir / "Xvfb_screen0", "rb") as f:
            screen = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        programs = {"bare": [bare], "Holdfast": [holdfast, "--profile", work / "profile", "--keyring", "file"]}
        figures = {name: [] for name in programs}
        for r in range(args.rounds + 1):
            for name, command in programs.items():
                f = start(command, env, screen)
                if r > 0:  # the first brings the files into memory
                    figures[name].append(f)
    finally:
        display.terminate()
        display.wait()
    median = {name: [statistics.median(x) for x in zip(*f)] for name, f in figures.items()}
    for name, (took, used) in median.items():
        print(f"{name:9} first frame after {took:.3f} s, processor {used:.2f} s")
    print(f"Holdfast / bare: {median['Holdfast'][0] / median['bare'][0]:.2f}, processor {median['Holdfast'][1] / median['bare'][1]:.2f}")


main()
