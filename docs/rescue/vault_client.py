#!/usr/bin/env python3
"""A client of a Holdfast vault, written from docs/vault-protocol.md and the RFCs that it names alone.

It shows that the text is enough, and gives a backup key back where the app cannot be had. It needs
Python 3.9 and `cryptography`; versions of that without Argon2id (before 44) also need `argon2-cffi`.

    vault_client.py status   --card CARD
    vault_client.py recover  --card CARD --password-in FILE                        prints the 64 digits
    vault_client.py register --card CARD --password-in FILE --key-in FILE [--enrolment-in FILE]   prints the card
    vault_client.py change   --card CARD --password-in FILE --key-in FILE          a new password
    vault_client.py delete   --card CARD --key-in FILE
    vault_client.py vector   FILE                                                  checks docs/vault-vector.json

CARD is a file. Passwords are one line, keys 64 hexadecimal digits. Exit codes: 0 done, 1 failed, 4 wrong
password or key, 5 the account is destroyed, 7 wait.

This is not constant-time code: do not run it where others can time it.
"""
import argparse
import base64
import hashlib
import hmac
import http.client
import json
import secrets
import ssl
import sys
import unicodedata
import urllib.parse

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# P-256 (SEC 2), points as pairs, None for the identity.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A, B = P - 3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)

def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P

def multiply(k, p):
    result = None
    while k:
        if k & 1:
            result = add(result, p)
        p, k = add(p, p), k >> 1
    return result

def encode(p):
    return bytes([2 + p[1] % 2]) + p[0].to_bytes(32, "big")

def decode(b):
    x = int.from_bytes(b[1:], "big")
    square = (x**3 + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    if len(b) != 33 or b[0] not in (2, 3) or x >= P or y * y % P != square:
        raise Refused("a point is not on the curve")
    return x, y if y % 2 == b[0] % 2 else P - y

# Hashing to the curve (RFC 9380, P256_XMD:SHA-256_SSWU_RO_).
def expand_message(message, dst, length):
    dst += bytes([len(dst)])
    b0 = hashlib.sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + dst).digest()
    block, out = bytes(32), b""
    for i in range(1, -(-length // 32) + 1):
        block = hashlib.sha256(bytes(x ^ y for x, y in zip(b0, block)) + bytes([i]) + dst).digest()
        out += block
    return out[:length]

def map_to_curve(u):
    z = P - 10
    tv = (z * z * pow(u, 4, P) + z * u * u) % P
    x = (-B * pow(A, -1, P) * (1 + pow(tv, -1, P))) % P if tv else B * pow(z * A, -1, P) % P
    square = (x**3 + A * x + B) % P
    if pow(square, (P - 1) // 2, P) != 1:
        x = z * u * u * x % P
        square = (x**3 + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return x, y if y % 2 == u % 2 else P - y

def hash_to_curve(message, dst):
    b = expand_message(message, dst, 96)
    u, v = int.from_bytes(b[:48], "big") % P, int.from_bytes(b[48:], "big") % P
    return add(map_to_curve(u), map_to_curve(v))

OPRF = b"OPRFV1-\x00-P256-SHA256"  # contextString of RFC 9497, mode 0

def hash_to_scalar(message, dst):
    return int.from_bytes(expand_message(message, dst, 48), "big") % N

# HKDF (RFC 5869), HMAC, and what RFC 9807 makes of them.
def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()

def extract(material, salt=b""):
    return mac(salt or bytes(32), material)

def expand(key, info, length=32):
    out, block = b"", b""
    for i in range(1, -(-length // 32) + 1):
        block = mac(key, block + info + bytes([i]))
        out += block
    return out[:length]

def hkdf(material, info, salt=b""):
    return expand(extract(material, salt), info)

def vector2(b):
    return len(b).to_bytes(2, "big") + b

def derive_secret(secret, label, transcript=b""):
    label = b"OPAQUE-" + label
    return expand(secret, (32).to_bytes(2, "big") + bytes([len(label)]) + label + bytes([len(transcript)]) + transcript)

def derive_key_pair(seed):
    info = b"OPAQUE-DeriveDiffieHellmanKeyPair"
    for counter in range(256):
        private = hash_to_scalar(seed + vector2(info) + bytes([counter]), b"DeriveKeyPair" + OPRF)
        if private:
            return private, encode(multiply(private, G))
    raise Refused("no key pair")

def stretch(text, salt=bytes(16)):
    """Argon2id, version 0x13, t=3, m=64 MiB, p=4, 32 bytes (chapter 2)."""
    try:
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
        return Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=64 * 1024).derive(text)
    except ImportError:
        from argon2.low_level import Type, hash_secret_raw
        return hash_secret_raw(text, salt, 3, 64 * 1024, 4, 32, Type.ID, 19)

class Refused(Exception):
    """An error with the exit code that tells it, and the vault's own code (chapter 6) where it is the vault's."""

    def __init__(self, text, code=1, told=None):
        super().__init__(text)
        self.code, self.told = code, told


def blind(password, r):
    return encode(multiply(r, hash_to_curve(password, b"HashToGroup-" + OPRF)))


def oprf_output(password, r, evaluated):
    unblinded = encode(multiply(pow(r, -1, N), decode(evaluated)))
    return hashlib.sha256(vector2(password) + vector2(unblinded) + b"Finalize").digest()


def randomized_password(password, r, evaluated):
    output = oprf_output(password, r, evaluated)
    return extract(output + stretch(output))


class Envelope:
    """What the randomized password opens (RFC 9807, section 4.1.2)."""

    def __init__(self, randomized, nonce, server, client):
        self.masking_key = expand(randomized, b"MaskingKey")
        self.export_key = expand(randomized, nonce + b"ExportKey")
        self.private, self.public = derive_key_pair(expand(randomized, nonce + b"PrivateKey"))
        credentials = server + vector2(server) + vector2(client)
        self.bytes = nonce + mac(expand(randomized, nonce + b"AuthKey"), nonce + credentials)


def make_record(randomized, nonce, server, client):
    e = Envelope(randomized, nonce, server, client)
    return e.public + e.masking_key + e.bytes, e.export_key


def finish_login(randomized, ke1, ke2, ephemeral, server, client):
    """KE3, session key and export key; wrong password: Refused with code 4."""
    response, nonce, share, server_mac = ke2[:33 + 32 + 97], ke2[162:194], ke2[194:227], ke2[227:]
    masking_nonce, masked = response[33:65], response[65:]
    pad = expand(expand(randomized, b"MaskingKey"), masking_nonce + b"CredentialResponsePad", 97)
    clear = bytes(x ^ y for x, y in zip(masked, pad))
    e = Envelope(randomized, clear[33:65], server, client)
    if not hmac.compare_digest(clear, server + e.bytes):
        raise Refused("the password is wrong", 4)
    # 3DH (section 6.4.3). A Diffie-Hellman is the whole point, compressed, 33 bytes.
    material = b"".join(encode(multiply(k, decode(q))) for k, q in ((ephemeral, share), (ephemeral, server), (e.private, share)))
    preamble = b"OPAQUEv1-" + vector2(b"holdfast/v1") + vector2(client) + ke1 + vector2(server) + response + nonce + share
    prk = extract(material)
    transcript = hashlib.sha256(preamble).digest()
    handshake = derive_secret(prk, b"HandshakeSecret", transcript)
    if not hmac.compare_digest(server_mac, mac(derive_secret(handshake, b"ServerMAC"), transcript)):
        raise Refused("this is not the vault that the card names")
    ke3 = mac(derive_secret(handshake, b"ClientMAC"), hashlib.sha256(preamble + server_mac).digest())
    return ke3, derive_secret(prk, b"SessionKey", transcript), e.export_key


# The vault's own part (docs/vault-protocol.md, chapters 1 to 3).
SEALED_KEY = b"holdfast vault sealed-key v1"


def seal_key(export_key, nonce, key, account, server):
    return nonce + AESGCM(hkdf(export_key, SEALED_KEY)).encrypt(nonce, key, SEALED_KEY + account + server)


def open_key(export_key, sealed, account, server):
    return AESGCM(hkdf(export_key, SEALED_KEY)).decrypt(sealed[:12], sealed[12:], SEALED_KEY + account + server)


def open_release(session_key, released, account):
    return AESGCM(hkdf(session_key, b"holdfast vault release v1")).decrypt(released[:12], released[12:], account)


def management_seeds(key, account, server):
    """The seed of the management key, and that of accounts which the first version made."""
    return (hkdf(key, b"holdfast backupkey vault-account v1", server + account),
            hkdf(key, b"holdfast backupkey vault-management v1"))


def management(seed):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return private, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def registration_message(server, account, ticket, record, sealed, public):
    return (b"holdfast vault registration v1" + server + account + hashlib.sha256(ticket).digest() + record +
            hashlib.sha256(sealed).digest() + public)


def b64(b):
    return base64.b64encode(b).decode()


class Vault:
    def __init__(self, card, enrolment=None):
        self.card, self.enrolment = card, enrolment
        if card.get("version") not in (1, 2) or card.get("suite") != 1 or not card.get("url", "").startswith("https://"):
            raise Refused("this card is of another version or of a token")
        self.url = urllib.parse.urlsplit(card["url"])
        self.server = base64.b64decode(card["public_key"])
        self.account = base64.b64decode(card.get("account", ""))
        there = self.ask("GET", "/v1/vault")
        if base64.b64decode(there["public_key"]) != self.server or there["suite"] != 1:
            raise Refused("this is not the vault that the card names")

    def connect(self):
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        pinned = self.card.get("certificate")
        if pinned:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c = http.client.HTTPSConnection(self.url.hostname, self.url.port or 443, context=context, timeout=30)
        c.connect()
        if pinned and c.sock.getpeercert(binary_form=True) != base64.b64decode(pinned):
            raise Refused("the server has another certificate than the card")
        return c

    def ask(self, method, path, body=None, missing=False):
        headers = {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.enrolment and "/registration" in path:
            headers["Authorization"] = "Bearer " + self.enrolment
        c = self.connect()
        try:
            c.request(method, self.url.path.rstrip("/") + path, None if body is None else json.dumps(body), headers)
            r = c.getresponse()
            text = r.read(1 << 16)
        finally:
            c.close()
        answer = json.loads(text) if text else None
        if r.status < 300:
            return answer
        code = answer["type"].rsplit(":", 1)[1]
        if code == "no-account" and missing:
            return None
        raise Refused("the vault says %s: %s" % (code, answer.get("detail", answer["title"])),
                      {"wrong-proof": 4, "signature": 4, "destroyed": 5, "wait": 7}.get(code, 1), code)

    @property
    def path(self):
        return "/v1/accounts/" + self.account.hex()

    def status(self):
        return self.ask("GET", self.path, missing=True)

    def register(self, password, key):
        """Sets the password, whether the account is new or not, and proves it."""
        if not self.account:
            self.account = secrets.token_bytes(32)
        r = secrets.randbelow(N - 1) + 1
        known = self.status() is not None
        reply = self.ask("POST", self.path + "/registration", {"request": b64(blind(password, r))})
        response, ticket = base64.b64decode(reply["response"]), base64.b64decode(reply["ticket"])
        if response[33:] != self.server:
            raise Refused("this is not the vault that the card names")
        randomized = randomized_password(password, r, response[:33])
        record, export_key = make_record(randomized, secrets.token_bytes(32), self.server, self.account)
        sealed = seal_key(export_key, secrets.token_bytes(12), key, self.account, self.server)
        seeds = management_seeds(key, self.account, self.server)
        _, public = management(seeds[0])
        message = registration_message(self.server, self.account, ticket, record, sealed, public)
        for seed in seeds if known else seeds[:1]:
            try:
                self.ask("POST", self.path + "/registration/finish", {
                    "ticket": b64(ticket), "record": b64(record), "sealed_key": b64(sealed), "management_key": b64(public),
                    "signature": b64(management(seed)[0].sign(message))})
                break
            except Refused as e:
                if e.code != 4 or seed == seeds[-1] or not known:
                    raise
        if self.recover(password) != key:
            raise Refused("the new password did not open the account")
        return dict(self.card, version=2, account=b64(self.account), password="nfc")

    def recover(self, password):
        account = self.status()
        if account is None:
            raise Refused("the vault does not know this account")
        if account["state"] != "living":
            raise Refused("the account is destroyed: " + account["reason"], 5)
        r, ephemeral = secrets.randbelow(N - 1) + 1, secrets.randbelow(N - 1) + 1
        ke1 = blind(password, r) + secrets.token_bytes(32) + encode(multiply(ephemeral, G))
        reply = self.ask("POST", self.path + "/recovery", {"ke1": b64(ke1), "version": account["version"]})
        ke2 = base64.b64decode(reply["ke2"])
        start = hashlib.sha256(ke1).digest()
        try:
            randomized = randomized_password(password, r, ke2[:33])
            ke3, session_key, export_key = finish_login(randomized, ke1, ke2, ephemeral, self.server, self.account)
        except Refused as wrong:
            if wrong.code != 4:
                raise
            try:  # so that the vault need not wait a minute to know
                self.ask("POST", self.path + "/recovery/finish", {"start": b64(start), "ke3": b64(secrets.token_bytes(32))})
            except Refused as told:
                if told.code == 5:
                    raise
            raise Refused("the password is wrong; %d guesses left" % reply["guesses_left"], 4)
        answer = self.ask("POST", self.path + "/recovery/finish", {"start": b64(start), "ke3": b64(ke3)})
        sealed = open_release(session_key, base64.b64decode(answer["released"]), self.account)
        return open_key(export_key, sealed, self.account, self.server)

    def delete(self, key):
        for attempt, seed in enumerate(management_seeds(key, self.account, self.server)):
            account = self.status()
            if account is None:
                raise Refused("the vault does not know this account")
            message = b"holdfast vault deletion v1" + self.server + self.account + account["version"].to_bytes(8, "big")
            signature = base64.urlsafe_b64encode(management(seed)[0].sign(message)).decode().rstrip("=")
            try:
                return self.ask("DELETE", "%s?version=%d&signature=%s" % (self.path, account["version"], signature))
            except Refused as e:
                if e.code != 4 or attempt == 1:
                    raise


def check_vector(path):
    """Recomputes docs/vault-vector.json from its inputs."""
    with open(path, encoding="utf-8") as f:
        v = json.load(f)
    i = {name: bytes.fromhex(x) for name, x in v["inputs"].items()}
    number = {name: int.from_bytes(x, "big") for name, x in i.items()}
    server, account, password = encode(multiply(number["k_ake"], G)), i["account"], i["password"]
    out = {"public_key": server}
    out["registration_request"] = blind(password, number["blind_registration"])
    evaluated = encode(multiply(number["s"] * number["k_oprf"] % N, decode(out["registration_request"])))
    out["registration_response"] = evaluated + server
    randomized = randomized_password(password, number["blind_registration"], evaluated)
    out["randomized_password"] = randomized
    out["record"], out["export_key"] = make_record(randomized, i["envelope_nonce"], server, account)
    out["sealed_key"] = seal_key(out["export_key"], i["sealed_key_nonce"], i["backup_key"], account, server)
    seed, old = management_seeds(i["backup_key"], account, server)
    out["management_seed"], out["management_seed_of_the_first_version"] = seed, old
    private, out["management_key"] = management(seed)
    message = registration_message(server, account, i["ticket"], out["record"], out["sealed_key"], out["management_key"])
    out["registration_signature"] = private.sign(message)
    out["deletion_signature"] = private.sign(b"holdfast vault deletion v1" + server + account + i["version"])
    ephemeral, share = derive_key_pair(i["client_keyshare_seed"])
    out["ke1"] = blind(password, number["blind_recovery"]) + i["client_nonce"] + share
    out["start"] = hashlib.sha256(out["ke1"]).digest()
    ke2 = bytes.fromhex(v["outputs"]["ke2"])
    evaluated = encode(multiply(number["s"] * number["k_oprf"] % N, decode(out["ke1"][:33])))
    if ke2[:33] != evaluated:
        raise Refused("ke2 has another evaluation")
    again = randomized_password(password, number["blind_recovery"], ke2[:33])
    out["ke3"], out["session_key"], export_key = finish_login(again, out["ke1"], ke2, ephemeral, server, account)
    released = bytes.fromhex(v["outputs"]["released"])
    if again != randomized or export_key != out["export_key"] or open_release(out["session_key"], released, account) != out["sealed_key"]:
        raise Refused("the recovery does not give what the registration made")
    for name, value in out.items():
        if value.hex() != v["outputs"][name]:
            raise Refused("%s is %s, the vector has %s" % (name, value.hex(), v["outputs"][name]))
    return len(out)


def line(path):
    with (sys.stdin if path == "-" else open(path, encoding="utf-8")) as f:
        return f.read().rstrip("\r\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=["status", "recover", "register", "change", "delete", "vector"])
    parser.add_argument("file", nargs="?")
    for flag in ("--card", "--password-in", "--key-in", "--enrolment-in"):
        parser.add_argument(flag)
    a = parser.parse_args()
    if a.what == "vector":
        print("%d values are as they should be" % check_vector(a.file))
        return
    card = json.loads(line(a.card))
    enrolment = card.pop("enrolment", None)
    vault = Vault(card, line(a.enrolment_in) if a.enrolment_in else enrolment)
    password = None
    if a.password_in:
        text = line(a.password_in)
        # New passwords are normalised; an account whose card does not say so takes the bytes as typed.
        if a.what in ("register", "change") or card.get("password") == "nfc":
            text = unicodedata.normalize("NFC", text.removeprefix("\ufeff"))
        password = text.encode()
    key = bytes.fromhex("".join(line(a.key_in).split())) if a.key_in else None
    if a.what == "status":
        print(json.dumps(vault.status()))
    elif a.what == "recover":
        print(vault.recover(password).hex())
    elif a.what in ("register", "change"):
        print(json.dumps(vault.register(password, key), indent=2))
    elif a.what == "delete":
        vault.delete(key)


if __name__ == "__main__":
    try:
        main()
    except Refused as e:
        print("vault_client:", e, file=sys.stderr)
        sys.exit(e.code)
