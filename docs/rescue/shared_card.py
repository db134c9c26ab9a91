"""The card and the arithmetic of a shared password, written from docs/shared-vaults.md, chapters 1 and 2, alone; see shared_vault.py."""
import base64
import hashlib
import hmac
import itertools
import json
import re
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import vault_client
from vault_client import Refused, expand, hkdf


# GF(2^8) of AES; TIMES[a] is a table for bytes.translate.
def product(a, b):
    r = 0
    while b:
        if b & 1:
            r ^= a
        a, b = (a << 1) ^ (0x11B if a & 0x80 else 0), b >> 1
    return r


TIMES = [bytes(product(a, b) for b in range(256)) for a in range(256)]
INVERSE = [0] + [TIMES[a].index(1) for a in range(1, 256)]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def horner(point, coefficients):
    """The polynomial's value; the lowest coefficient comes first."""
    total = bytes(32)
    for c in reversed(coefficients):
        total = xor(total.translate(TIMES[point]), c)
    return total


def at(point, points):
    """The values at other points (a dict of 32 bytes each) give the polynomial's value at this one."""
    total = bytes(32)
    for i, value in points.items():
        factor = 1
        for j in points:
            if j != i:
                factor = TIMES[TIMES[factor][point ^ j]][INVERSE[i ^ j]]
        total = xor(total, value.translate(TIMES[factor]))
    return total


# The card (chapter 2).
def once(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise Refused("the card has a field twice")
    return dict(pairs)


def fields(o, must, may=()):
    if not isinstance(o, dict) or not set(must) <= set(o) <= set(must) | set(may):
        raise Refused("the card lacks a field, or has an unknown one")
    return o


def number(n, low, high):
    if type(n) is not int or not low <= n <= high:
        raise Refused("a number is not one that it can be")
    return n


def binary(text, length):
    try:
        b = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        b = b""
    if len(b) != length or base64.b64encode(b).decode() != text:
        raise Refused("the card has a value of a wrong length, or that is not base64")
    return b


def plain(name):
    """A name that shows as itself: vault-protocol.md, chapter 3."""
    marks = 0
    for c in name:
        kind = unicodedata.category(c)
        marks = marks + 1 if kind[0] == "M" else 0
        if marks > 4 or c != " " and kind[0] not in "LMPS" and kind != "Nd":
            raise Refused("the card has a name that does not show as itself")
    if len(name) > 80 or name != name.strip() or "  " in name:
        raise Refused("the card has a name that does not show as itself")
    return name


HTTPS = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?((?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*)")


def address(url):
    found = HTTPS.fullmatch(url)
    if len(url) > 500 or not (found or re.fullmatch("pkcs11:[!-~]+", url)):
        raise Refused("the card has an address that it cannot have")
    if found and set(found.group(3).split("/")) & {".", ".."}:
        raise Refused("the card has an address that it cannot have")
    return url


class Member:
    def __init__(self, o, pending, card_key):
        must, may = ["name", "url", "suite", "public_key", "nonce", "mask"], ["spki"]
        fields(o, must + ([] if pending else ["registered"]), may + (["bridge"] if pending else []))
        if not isinstance(o["name"], str) or not isinstance(o["url"], str):
            raise Refused("the card has a name or address that is no text")
        self.name, self.url, self.suite = plain(o["name"]), address(o["url"]), number(o["suite"], 1, 1)
        self.public_key, self.nonce, self.mask = binary(o["public_key"], 33), binary(o["nonce"], 16), binary(o["mask"], 32)
        vault_client.decode(self.public_key)
        self.spki = binary(o["spki"], 32) if "spki" in o else b""
        if self.spki and self.url.startswith("pkcs11:"):
            raise Refused("the card pins a token's certificate")
        self.bridge = binary(o["bridge"], 32) if "bridge" in o else None
        self.registered = 0 if pending else number(o["registered"], 0, 2**63 - 1)
        self.id = account_id(card_key, self.public_key, self.nonce)

    def signed(self):
        text = b"".join(vault_client.vector2(s.encode()) for s in (self.name, self.url))
        return (text + bytes([self.suite]) + self.public_key + vault_client.vector2(self.spki) + self.nonce + self.mask +
                bytes([self.bridge is not None]) + (self.bridge or bytes(32)) + self.registered.to_bytes(8, "big"))

    def values(self, rho):
        """What the share is: by the mask, and by the bridge where there is one."""
        shares = [xor(self.mask, self.pad(b"mask", rho))]
        if self.bridge is not None:
            shares.append(xor(self.bridge, self.pad(b"bridge", rho)))
        return shares

    def pad(self, of, rho):
        return expand(rho, b"holdfast shared vault " + of + b" v1" + self.public_key + self.id)


class Set:
    def __init__(self, o, pending, card_key):
        fields(o, ["threshold", "salt", "commitment", "vaults"])
        if not isinstance(o["vaults"], list) or not 1 <= len(o["vaults"]) <= 8:
            raise Refused("a card has one to eight vaults")
        self.n = len(o["vaults"])
        self.t = number(o["threshold"], self.n // 2 + 1, self.n)
        self.salt, self.commitment = binary(o["salt"], 32), binary(o["commitment"], 32)
        self.members = [Member(v, pending, card_key) for v in o["vaults"]]
        if min(len({of(m) for m in self.members}) for of in (lambda m: m.public_key, lambda m: m.url, lambda m: m.id)) < self.n:
            raise Refused("the card names a vault twice")

    def signed(self):
        return bytes([self.t, self.n]) + self.salt + self.commitment + b"".join(m.signed() for m in self.members)

    def commits(self, secret, u, shares):
        message = bytes([self.t, self.n]) + self.salt + u
        for m, share in zip(self.members, shares):
            message += m.public_key + m.id + m.mask + (m.bridge or bytes(32)) + share
        return vault_client.mac(hkdf(secret, b"holdfast shared vault commitment v1"), message)

    def open(self, u, values, newest=None):
        """S and all shares, from what the members' shares may be (a dict of lists by their numbers), or None."""
        for chosen in itertools.combinations(sorted(values), self.t):
            if newest is not None and newest not in chosen:
                continue
            for picked in itertools.product(*(values[i] for i in chosen)):
                points = dict(zip(chosen, picked))
                shares = [at(i, points) for i in range(1, self.n + 1)]
                secret = at(0, points)
                if hmac.compare_digest(self.commits(secret, u, shares), self.commitment):
                    return secret, shares
        return None


class Card:
    def __init__(self, text):
        if len(text.encode()) > 16 * 1024:
            raise Refused("the card is too long")
        try:
            o = json.loads(text, object_pairs_hook=once)
        except (ValueError, RecursionError):
            raise Refused("the card is not JSON") from None
        if isinstance(o, dict) and type(o.get("version")) is int and o["version"] > 3:
            raise Refused("the card was made by a newer version")
        fields(o, ["version", "password", "card_key", "signature"], ["set", "pending"])
        if o["version"] != 3 or type(o["version"]) is not int or o["password"] != "nfc":
            raise Refused("this is not the card of a shared password")
        self.key = binary(o["card_key"], 32)
        self.set = Set(o["set"], False, self.key) if "set" in o else None
        self.pending = Set(o["pending"], True, self.key) if "pending" in o else None
        if not self.set and not self.pending:
            raise Refused("the card has no set")
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(binary(o["signature"], 64), self.message())
        except (InvalidSignature, ValueError):
            raise Refused("the card's signature does not fit") from None

    def message(self):
        return b"holdfast shared vault card v1" + b"".join(s.signed() if s else b"\0" for s in (self.set, self.pending))

    def is_of(self, key):
        return hmac.compare_digest(vault_client.management(card_seed(key))[1], self.key)

    def show(self):
        for s, what in ((self.set, "set"), (self.pending, "pending")):
            for m in s.members if s else ():
                own = fingerprint(hashlib.sha256(m.public_key).digest())
                print("%-8s%d of %d  %s  %s  %s%s" % (what, s.t, s.n, m.name, m.url, own,
                                                     "  certificate's key " + fingerprint(m.spki) if m.spki else ""))


def fingerprint(digest):
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def card_seed(key):
    return hkdf(key, b"holdfast backupkey shared-vault-card v1")


def account_id(card_key, public_key, nonce):
    return hashlib.sha256(b"holdfast shared vault account v1" + card_key + public_key + nonce).digest()


def normal(text):
    return unicodedata.normalize("NFC", text.removeprefix("\ufeff")).encode()


def vault_input(salt, m, u):
    return b"holdfast shared vault input v1" + salt + m.public_key + m.id + u


def randomized_password(secret, m):
    return hkdf(secret, b"holdfast shared vault randomized password v1" + m.public_key + m.id)


def key_id(key):
    """docs/format.md, chapter 2."""
    return expand(vault_client.extract(key), b"holdfast backupkey key-id v1", 8).hex()
