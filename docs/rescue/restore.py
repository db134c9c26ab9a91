#!/usr/bin/python3
"""Restores a Holdfast backup without Holdfast.

    restore.py FOLDER OUT [SNAPSHOT] < key.txt

FOLDER is the place of the backup, OUT a new folder, SNAPSHOT the beginning of
a snapshot's id (the newest, if absent). The 64-digit key is read from standard
input; a backup without encryption needs none.

It was written from docs/format.md alone ("chapter" below means there), to show
that the document is enough, and it is kept short so that a stranger can check
it. It needs Python 3.9, `cryptography` and `zstandard` (Debian:
python3-cryptography, python3-zstandard). It restores the bytes, modes and times of files
and folders, and symlinks; it leaves out owners, attributes and devices, and
gives each name of a hard link a copy. Everything it writes was authenticated.
"""
import hmac, hashlib, json, os, re, struct, sys

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def hkdf(ikm, salt, info, n=32):                                        # chapter 1
    prk = hmac.new(salt or b"\0" * 32, ikm, hashlib.sha256).digest()
    out, t = b"", b""
    while len(out) < n:
        t = hmac.new(prk, t + info + bytes([len(out) // 32 + 1]), hashlib.sha256).digest()
        out += t
    return out[:n]


def unseal(key, ordinal, aad, sealed):
    return AESGCM(key).decrypt(struct.pack(">QI", 0, ordinal), sealed, aad)


class Reader:
    """Reads the encodings of chapter 1."""

    def __init__(self, b):
        self.b, self.at = b, 0

    def take(self, n):
        if self.at + n > len(self.b):
            raise ValueError("cut short")
        self.at += n
        return self.b[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def u(self):
        v = shift = 0
        while True:
            c = self.u8()
            v |= (c & 127) << shift
            shift += 7
            if c < 128:
                return v

    def s(self):
        v = self.u()
        return (v >> 1) ^ -(v & 1)

    def bytes(self):
        return self.take(self.u())

    def end(self):
        return self.at == len(self.b)


class Epoch:                                                            # chapter 2
    def __init__(self, secret, repository):
        self.secrets = {k: hkdf(secret, repository, b"holdfast epoch %s v1" % k.encode()) for k in ("pack", "index", "snapshot")}
        self.repository = repository

    def object_key(self, kind, name):
        return hkdf(self.secrets[kind], name, b"holdfast object v1")

    def sealed(self, kind, name, b):                                    # chapter 7
        plain = unseal(self.object_key(kind, name), 0, kind.encode() + self.repository, b)
        return plain[4:4 + struct.unpack(">I", plain[:4])[0]]


class Backup:
    def __init__(self, folder, key):
        self.folder = folder
        with open(os.path.join(folder, "holdfast.json"), "rb") as f:
            h = json.load(f)                                            # chapter 3
        if h["format"] != "holdfast-backup" or h["version"] != 1:
            sys.exit("not a Holdfast backup of format 1")
        repository = bytes.fromhex(h["repository"])
        if h["protection"] == "none":
            secrets = [bytes.fromhex(h["epoch"])]
        else:
            if key is None:
                sys.exit("this backup needs its 64-digit key")
            if hkdf(key, b"", b"holdfast backupkey key-id v1", 8).hex() != h["key_id"]:
                sys.exit("the key does not open this backup")
            with open(os.path.join(folder, "keyring-%d" % h["keyring"]), "rb") as f:
                b = f.read()                                            # chapter 4
            seal = hkdf(key, b[:32], b"holdfast backupkey keyring-seal v1")
            plain = unseal(seal, 0, b"holdfast keyring v1" + repository + struct.pack(">I", h["keyring"]), b[32:])
            secrets = [plain[2 + 40 * i:34 + 40 * i] for i in range(plain[1])]
        self.epochs = [Epoch(s, repository) for s in secrets]
        self.chunks, self.cache, self.zstd = {}, (None, None), zstandard.ZstdDecompressor()
        for name, payload in self.objects("index"):
            self.index(Reader(payload))

    def objects(self, kind):
        folder = os.path.join(self.folder, "indexes" if kind == "index" else "snapshots")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if not re.fullmatch("[0-9a-f]{64}", name):
                continue
            with open(os.path.join(folder, name), "rb") as f:
                b = f.read()
            payload = self.any_epoch(lambda e: e.sealed(kind, bytes.fromhex(name), b))
            if payload is None:
                print("damaged: %s %s" % (kind, name), file=sys.stderr)
            else:
                yield name, payload

    def any_epoch(self, open_with):
        for e in self.epochs:
            try:
                return open_with(e)
            except Exception:
                pass                                                    # another epoch's, or damaged
        return None

    def index(self, r):                                                 # chapter 7
        r.u8()
        for _ in range(r.u()):
            r.take(32)                                                  # superseded ones say the same again
        for _ in range(r.u()):
            pack, _, at = r.take(32), r.u(), 0
            for i in range(r.u()):
                chunk, kind, record, length = r.take(32), r.u8(), r.u(), r.u()
                self.chunks.setdefault(chunk, []).append((pack, i, at, record, length))
                at += record + 16

    def chunk(self, id):                                                # chapters 5, 6
        if self.cache[0] == id:
            return self.cache[1]
        for pack, ordinal, at, record, length in self.chunks.get(id, []):
            path = os.path.join(self.folder, "packs", pack.hex()[:2], pack.hex())
            try:
                with open(path, "rb") as f:
                    f.seek(at)
                    sealed = f.read(record + 16)
            except OSError:
                continue
            b = self.any_epoch(lambda e: unseal(e.object_key("pack", pack), ordinal, id, sealed))
            if b is None:
                continue
            content = b[1:] if b[0] == 0 else self.zstd.decompress(b[1:], max_output_size=length)
            if len(content) == length:
                self.cache = (id, content)
                return content
        raise ValueError("chunk %s is lost" % id.hex())

    def extents(self, r, ids):                                          # chapter 8
        out = []
        for _ in range(r.u()):
            ref, length = r.u(), r.u()
            out.append((ids[ref - 1], length, r.u()) if ref else (None, length, 0))
        return out

    def content(self, depth, extents):
        """Yields the bytes of a content piece by piece; an int is a hole."""
        for id, length, offset in extents:
            if depth > 0:
                r = Reader(self.chunk(id))
                r.u8()
                ids = [r.take(32) for _ in range(r.u())]
                yield from self.content(depth - 1, self.extents(r, ids))
            elif id is None:
                yield length
            else:
                yield self.chunk(id)[offset:offset + length]

    def tree(self, block):                                              # chapter 9
        r = Reader(block)
        r.u8()
        ids = [r.take(32) for _ in range(r.u())]
        for _ in range(r.u()):
            r.u(), r.u(), r.bytes(), r.bytes()                          # owners
        for _ in range(r.u()):
            e = Reader(r.bytes())
            n = {"kind": e.u8(), "name": e.bytes(), "mode": e.u()}
            e.u()
            n["mtime"] = e.s() * 10**9 + e.u()
            if n["name"] in (b"", b".", b"..") or b"/" in n["name"] or b"\0" in n["name"]:
                raise ValueError("a bad name in a tree")
            if n["kind"] == 1:
                n["size"] = e.u()
                n["depth"], n["extents"] = e.u8(), self.extents(e, ids)
            elif n["kind"] == 2:
                e.u(), e.u(), e.u8()
                n["blocks"] = [x[0] for x in self.extents(e, ids)]
            elif n["kind"] == 3:
                n["target"] = e.bytes()
            yield n

    def snapshots(self):                                                # chapter 10
        for name, payload in self.objects("snapshot"):
            r, root, begin = Reader(payload), [], 0
            while not r.end():
                tag, v = r.u(), Reader(r.bytes())
                if tag == 1:
                    begin = v.s() * 10**9 + v.u()
                while tag == 6 and not v.end():
                    root.append(v.take(32))
                    v.u()
            yield begin, name, root

    def restore(self, blocks, folder, shown=""):
        """Fills a new folder. It works from inside, since a path may be longer than the system takes."""
        os.mkdir(folder, 0o700)
        os.chdir(folder)
        try:
            return sum(self.entry(n, shown) for block in blocks for n in self.tree(self.chunk(block)))
        finally:
            os.chdir("..")

    def entry(self, n, shown):
        lost, name = 0, n["name"]
        try:
            if n["kind"] == 2:
                lost = self.restore(n["blocks"], name, shown + os.fsdecode(name) + "/")
            elif n["kind"] == 1:
                self.file(n)
            elif n["kind"] == 3:
                os.symlink(n["target"], name)
            else:
                return 0
            if n["kind"] != 3:
                os.chmod(name, n["mode"] & 0o1777)
            os.utime(name, ns=(n["mtime"], n["mtime"]), follow_symlinks=False)
        except (OSError, ValueError) as e:
            lost += 1
            print("%s: %s" % (ascii(shown + os.fsdecode(name)), e), file=sys.stderr)
        return lost

    def file(self, n):
        with open(n["name"], "xb") as f:
            for piece in self.content(n["depth"], n["extents"]):
                if isinstance(piece, int):
                    f.seek(piece, 1)
                else:
                    f.write(piece)
            f.truncate(n["size"])


def main():
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    digits = "" if sys.stdin.isatty() else re.sub(r"[^0-9a-fA-F]", "", sys.stdin.read())
    backup = Backup(os.path.abspath(sys.argv[1]), bytes.fromhex(digits) if len(digits) == 64 else None)
    wanted = sys.argv[3] if len(sys.argv) == 4 else ""
    found = sorted(s for s in backup.snapshots() if s[1].startswith(wanted))
    if not found:
        sys.exit("no such snapshot")
    lost = backup.restore(found[-1][2], os.fsencode(sys.argv[2]))
    print("restored snapshot %s, %d files lost" % (found[-1][1], lost))
    sys.exit(1 if lost else 0)


main()
