#!/usr/bin/python3
"""Restores a Holdfast backup without Holdfast.

    restore.py FOLDER OUT [SNAPSHOT] < key.txt

FOLDER is the place of the backup, OUT a new folder, SNAPSHOT the beginning of
a snapshot's id (the newest, if absent; one that is dated more than a day ahead
was made while a clock was wrong, and is taken only where there is no other). The 64-digit key is read from standard
input. Who gives a key demands encryption: then a place that claims to have none
is refused. A backup without encryption needs no key, and nobody vouches for it.

It was written from docs/format.md alone ("chapter" below means there), to show
that the document is enough, and it is kept short so that a stranger can check
it. It needs Python 3.9, `cryptography` and `zstandard` (Debian:
python3-cryptography, python3-zstandard). It restores the bytes, modes and times of files
and folders, and symlinks; it leaves out owners, attributes and devices, and
gives each name of a hard link a copy. Everything it writes was authenticated.
What older keys signed counts only as far as the current one has closed over it.
Chunks of older keys are held against their ids by a BLAKE3 of its own, which
takes some seconds for each megabyte; with the module `blake3` all are, and fast.
"""
import hmac, hashlib, json, os, re, struct, sys, time

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


def blake3(key, data):
    """Keyed BLAKE3 with 32 bytes of output (github.com/BLAKE3-team/BLAKE3-specs)."""
    iv = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
    rows = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
    order, mask, keyed = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8), 0xFFFFFFFF, 1 << 4
    key = struct.unpack("<8I", key)

    def compress(cv, block, counter, length, flags):
        v = list(cv) + list(iv[:4]) + [counter & mask, counter >> 32, length, flags]
        m = struct.unpack("<16I", block.ljust(64, b"\0"))
        for _ in range(7):
            for i, (a, b, c, d) in enumerate(rows):
                for word, r1, r2 in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                    v[a] = (v[a] + v[b] + word) & mask
                    x = v[d] ^ v[a]
                    v[d] = (x >> r1 | x << (32 - r1)) & mask
                    v[c] = (v[c] + v[d]) & mask
                    x = v[b] ^ v[c]
                    v[b] = (x >> r2 | x << (32 - r2)) & mask
            m = [m[i] for i in order]
        return [v[i] ^ v[i + 8] for i in range(8)]

    def node(first, count, root):                                       # of chunks of 1,024 bytes
        if count == 1:
            chunk, cv = data[first * 1024:first * 1024 + 1024], key
            blocks = [chunk[i:i + 64] for i in range(0, len(chunk), 64)] or [b""]
            for i, b in enumerate(blocks):
                flags = keyed | (i == 0) | (i == len(blocks) - 1) << 1 | (root and i == len(blocks) - 1) << 3
                cv = compress(cv, b, first, len(b), flags)
            return cv
        left = 1 << (count - 1).bit_length() - 1
        pair = node(first, left, False) + node(first + left, count - left, False)
        return compress(key, struct.pack("<16I", *pair), 0, 64, keyed | 1 << 2 | root << 3)

    return struct.pack("<8I", *node(0, max(1, -(-len(data) // 1024)), True))


try:
    from blake3 import blake3 as fast_blake3
except ImportError:
    fast_blake3 = None


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


CURRENT, CLOSED, PUBLIC = 0, 1, 2                                       # chapter 4


class Epoch:                                                            # chapter 2
    def __init__(self, secret, repository, state):
        self.secrets = {k: hkdf(secret, repository, b"holdfast epoch %s v1" % k.encode()) for k in ("pack", "index", "snapshot", "prune", "chunk-id")}
        self.repository, self.state = repository, state

    def wrote(self, id, content):
        """Whether the content is what the id says (chapter 5)."""
        if fast_blake3:
            return fast_blake3(content, key=self.secrets["chunk-id"]).digest() == id
        return self.state == CURRENT or blake3(self.secrets["chunk-id"], content) == id

    def object_key(self, kind, name):
        return hkdf(self.secrets[kind], name, b"holdfast object v1")

    def sealed(self, kind, name, b):                                    # chapter 7
        secret = "prune" if kind == "closing" else kind
        plain = unseal(self.object_key(secret, name), 0, kind.encode() + self.repository, b)
        return plain[4:4 + struct.unpack(">I", plain[:4])[0]]


class Backup:
    def __init__(self, folder, key):
        self.folder, self.closed, self.legacy = folder, {}, False
        with open(os.path.join(folder, "holdfast.json"), "rb") as f:
            raw = f.read()
        h = json.loads(raw)                                             # chapter 3
        if h["format"] != "holdfast-backup" or h["version"] not in (1, 2):
            sys.exit("not a Holdfast backup of format 1 or 2")
        repository = bytes.fromhex(h["repository"])
        if h["protection"] == "none":
            if key is not None:
                sys.exit("this place claims that its backup is not encrypted, but you gave a key: nothing was restored")
            print("this backup is not encrypted: whoever can write to its place can have changed it", file=sys.stderr)
            self.epochs = [Epoch(bytes.fromhex(h["epoch"]), repository, CURRENT)]
        else:
            if key is None:
                sys.exit("this backup needs its 64-digit key")
            if hkdf(key, b"", b"holdfast backupkey key-id v1", 8).hex() != h["key_id"]:
                sys.exit("the key does not open this backup")
            bare = re.sub(rb'"seal": "[0-9a-f]{64}"\n}\n$', b'"seal": ""\n}\n', raw)
            seal = hmac.new(hkdf(key, repository, b"holdfast backupkey header-seal v1"), bare, hashlib.sha256)
            if not hmac.compare_digest(seal.hexdigest(), h["seal"]):
                sys.exit("holdfast.json was changed by somebody who does not have the key")
            self.keyring(key, repository, h["keyring"])
        self.chunks, self.cache, self.zstd = {}, (None, None), zstandard.ZstdDecompressor()
        for name, payload in self.objects("index"):
            self.index(Reader(payload))

    def keyring(self, key, repository, number):                         # chapter 4
        with open(os.path.join(self.folder, "keyring-%d" % number), "rb") as f:
            b = f.read()
        plain = Reader(unseal(hkdf(key, b[:32], b"holdfast backupkey keyring-seal v1"), 0, b"holdfast keyring v1" + repository + struct.pack(">I", number), b[32:]))
        version, epochs, self.epochs = plain.u8(), [], []
        if version == 1:
            for i, _ in enumerate(range(count := plain.u8())):
                secret, began = plain.take(32), plain.take(8)
                epochs.append((CURRENT if i == count - 1 else CLOSED if any(began) else PUBLIC, secret))
            self.legacy = True
        elif version == 2:
            for _ in range(struct.unpack(">H", plain.take(2))[0]):
                state, secret, _ = plain.u8(), plain.take(32), plain.take(8)
                epochs.append((state, secret))
        else:
            sys.exit("a keyring of an unknown version")
        # What was public once is not even looked at.
        self.epochs = [Epoch(secret, repository, state) for state, secret in epochs if state != PUBLIC]
        if version == 2 and plain.u8() == 1:
            self.closing(plain.take(32).hex())

    def closing(self, named):
        """Reads what counts of closed epochs: the list that the keyring names, and those that the same run put beside it."""
        folder = os.path.join(self.folder, "closings")
        for name in sorted(os.listdir(folder) if os.path.isdir(folder) else [], key=lambda n: n != named):
            try:
                with open(os.path.join(folder, name), "rb") as f:
                    r = Reader(self.epochs[-1].sealed("closing", bytes.fromhex(name), f.read()))
            except Exception:
                continue                                                # another epoch's
            while not r.end():
                r.u()
                entry = Reader(r.bytes())
                self.closed.setdefault((entry.u8(), entry.take(32)), entry.take(32))
            named = None if name == named else named
        if named is not None:
            print("the list of what counts from before the key was changed is lost: older backups are left out", file=sys.stderr)
            self.closed = {}

    def counts(self, epoch, kind, name, b):
        """Whether an object is believed: one of the current epoch, or one that was closed over, byte for byte."""
        number = {"index": 2, "snapshot": 3}[kind]
        return epoch.state == CURRENT or self.legacy or self.closed.get((number, name)) == hashlib.sha256(b).digest()

    def objects(self, kind):
        folder = os.path.join(self.folder, "indexes" if kind == "index" else "snapshots")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if not re.fullmatch("[0-9a-f]{64}", name):
                continue
            with open(os.path.join(folder, name), "rb") as f:
                b = f.read()
            epoch, payload = self.any_epoch(lambda e: e.sealed(kind, bytes.fromhex(name), b))
            if epoch is None:
                print("damaged: %s %s" % (kind, name), file=sys.stderr)
            elif not self.counts(epoch, kind, bytes.fromhex(name), b):
                print("left out, since it was made with an older key after the key was changed: %s %s" % (kind, name), file=sys.stderr)
            else:
                yield name, payload

    def any_epoch(self, open_with):
        for e in self.epochs:
            try:
                return e, open_with(e)
            except Exception:
                pass                                                    # another epoch's, or damaged
        return None, None

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
            epoch, b = self.any_epoch(lambda e: unseal(e.object_key("pack", pack), ordinal, id, sealed))
            if epoch is None:
                continue
            content = b[1:] if b[0] == 0 else self.zstd.decompress(b[1:], max_output_size=length)
            if len(content) == length and epoch.wrote(id, content):
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
    past = [s for s in found if s[0] <= (time.time() + 86400) * 10**9]
    _, name, root = (past or found)[-1]
    lost = backup.restore(root, os.fsencode(sys.argv[2]))
    print("restored snapshot %s, %d files lost" % (name, lost))
    sys.exit(1 if lost else 0)


main()
