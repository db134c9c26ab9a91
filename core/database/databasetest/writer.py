"""Writes to an SQLite database without a pause, with the C library, as programs do.

    writer.py PATH wal|delete|checkpoint PAGE MEGABYTES [PAUSE]

Each commit moves amounts between rows, so that their sum stays, and counts itself. After each line on standard input it tells how many
commits were made; it ends with its input and tells how long the slowest commit took.
"""
import json, random, select, sqlite3, sys, time

path, mode, page, megabytes = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
pause = float(sys.argv[5]) if len(sys.argv) > 5 else 0
c = sqlite3.connect(path, isolation_level=None, timeout=20)
c.execute("pragma page_size=%d" % page)
c.execute("pragma journal_mode=%s" % ("delete" if mode == "delete" else "wal"))
c.execute("pragma synchronous=off")
rows = int(megabytes * 1000)
c.execute("begin")
c.execute("create table made(n integer)")
c.execute("insert into made values(0)")
c.execute("create table t(id integer primary key, v integer, b blob)")
c.execute("create index i on t(b)" if megabytes < 20 else "create index i on t(v)")
c.executemany("insert into t values(?,?,?)", ((i, 1000, random.randbytes(850 if megabytes >= 20 else 400)) for i in range(rows)))
c.execute("commit")
print("ready", flush=True)
made, slowest = 0, 0.0
while True:
    begin = time.monotonic()
    c.execute("begin immediate")
    for _ in range(3):
        a, b, n = random.randrange(rows), random.randrange(rows), random.randrange(1000)
        c.execute("update t set v=v-?, b=? where id=?", (n, random.randbytes(random.randrange(100, 900)), a))
        c.execute("update t set v=v+? where id=?", (n, b))
    made += 1
    c.execute("update made set n=?", (made,))
    c.execute("commit")
    if mode == "checkpoint" and made % 20 == 0:
        c.execute("pragma wal_checkpoint(restart)")
    slowest = max(slowest, time.monotonic() - begin)
    if select.select([sys.stdin], [], [], pause)[0]:
        if not sys.stdin.readline():
            break
        print(made, flush=True)
print(json.dumps({"made": made, "slowest": slowest}), flush=True)
