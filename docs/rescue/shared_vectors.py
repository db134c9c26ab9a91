"""Recomputes docs/shared-vault-vectors.json from its inputs; see shared_vault.py."""
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import vault_client
from shared_card import Card, at, card_seed, horner, normal, randomized_password, vault_input, xor
from vault_client import G, N, Refused, encode, hkdf, multiply


class Same:
    """Counts the values that are as they should be."""

    def __init__(self):
        self.count, self.where = 0, ""

    def __call__(self, got, want, what):
        if got != want:
            raise Refused("%s: %s is %s, the vector has %s" % (self.where, what, got, want))
        self.count += 1

    def all(self, values, **got):
        for name, value in got.items():
            self(value.hex(), values[name], name)


def scalar(text):
    return int(text, 16)


def evaluated(v, s, element):
    return encode(multiply(scalar(s) * scalar(v["k_oprf"]) % N, vault_client.decode(element)))


def check_vault(same, v, m, x, secret, key):
    """One vault of a set: its registration, then its recovery."""
    raw = {name: bytes.fromhex(t) for name, t in v.items() if isinstance(t, str) and name not in ("name", "url")}
    request = vault_client.blind(x, scalar(v["blind"]))
    element = evaluated(v, v["s"], request)
    rho = vault_client.oprf_output(x, scalar(v["blind"]), element)
    share = xor(m.mask, m.pad(b"mask", rho))
    same.all(v, public_key=encode(multiply(scalar(v["k_ake"]), G)), account=m.id, nonce=m.nonce, x=x, registration_request=request,
             registration_response=element + m.public_key, rho=rho, share=share, mask=m.mask)
    same([m.name, m.url], [v["name"], v["url"]], "name and address")
    if "previous_s" in v:
        before = vault_client.oprf_output(x, scalar(v["blind"]), evaluated(v, v["previous_s"], request))
        same.all(v, bridge=xor(share, m.pad(b"bridge", before)))
        same(m.bridge.hex(), v["bridge"], "the card's bridge")
    rp = randomized_password(secret, m)
    record, export = vault_client.make_record(rp, raw["envelope_nonce"], m.public_key, m.id)
    sealed = vault_client.seal_key(export, raw["sealed_key_nonce"], key, m.id, m.public_key)
    seed = vault_client.management_seeds(key, m.id, m.public_key)[0]
    private, public = vault_client.management(seed)
    message = vault_client.registration_message(m.public_key, m.id, raw["ticket"], record, sealed, public)
    same.all(v, randomized_password=rp, record=record, export_key=export, sealed_key=sealed, management_seed=seed, management_key=public,
             registration_signature=private.sign(message))
    check_recovery(same, v, m, x, rp)
    return share


def check_recovery(same, v, m, x, rp):
    r, record, sealed = v["recovery"], bytes.fromhex(v["record"]), bytes.fromhex(v["sealed_key"])
    raw = {name: bytes.fromhex(t) for name, t in r.items()}
    ephemeral, share = vault_client.derive_key_pair(raw["client_keyshare_seed"])
    ke1 = vault_client.blind(x, scalar(r["blind"])) + raw["client_nonce"] + share
    masked = xor(m.public_key + record[65:], vault_client.expand(record[33:65], raw["masking_nonce"] + b"CredentialResponsePad", 97))
    ke2 = (evaluated(v, v["s"], ke1[:33]) + raw["masking_nonce"] + masked + raw["server_nonce"] +
           encode(multiply(scalar(r["server_keyshare"]), G)))
    ke3, session, export = vault_client.finish_login(rp, ke1, raw["ke2"], ephemeral, m.public_key, m.id)  # looks at the MAC in KE2 too
    released = raw["release_nonce"] + AESGCM(hkdf(session, b"holdfast vault release v1")).encrypt(raw["release_nonce"], sealed, m.id)
    same.all(r, ke1=ke1, ke2=ke2 + raw["ke2"][-32:], ke3=ke3, session_key=session, released=released)
    same.all(v, export_key=export)


def check_set(same, one, v, key):
    card = Card(one["card"])
    s, secret = card.set or card.pending, bytes.fromhex(one["secret"])
    u = vault_client.stretch(bytes.fromhex(v["password"]), s.salt)
    shares = [check_vault(same, a, m, vault_input(s.salt, m, u), secret, key) for a, m in zip(one["vaults"], s.members)]
    same([s.t, s.n, card.key.hex()], [one["threshold"], len(one["vaults"]), v["card_key"]], "threshold, number and key of the card")
    points = dict(enumerate(shares, 1))
    coefficients = [bytes.fromhex(c) for c in one["coefficients"] or []]
    same(len(coefficients), s.t - 1, "the polynomial's degree")
    for i, share in points.items():
        same(horner(i, [secret] + coefficients).hex(), share.hex(), "share")
    same.all(one, salt=s.salt, u=u, secret=at(0, points), commitment=s.commits(secret, u, shares))
    same(s.commitment.hex(), one["commitment"], "the card's commitment")
    signed = Ed25519PrivateKey.from_private_bytes(card_seed(key)).sign(card.message())
    same(vault_client.b64(signed), json.loads(one["card"])["signature"], "signature")


def check_attempt(same, a, one):
    card = Card(one["card"])
    s = card.set or card.pending
    u, values = vault_client.stretch(bytes.fromhex(a["password"]), s.salt), {}
    for i, (m, answer) in enumerate(zip(s.members, a["answers"]), 1):
        if answer["element"]:
            x = vault_input(s.salt, m, u)
            values[i] = m.values(vault_client.oprf_output(x, scalar(answer["blind"]), bytes.fromhex(answer["element"])))
    opened = s.open(u, values)
    same(bool(opened), a["opens"], "that it opens")
    for i, answer in enumerate(a["answers"], 1):
        same(bool(opened) and opened[1][i - 1] in values.get(i, ()), answer["holds"], "that vault %d holds" % i)


def check_vectors(path):
    """Recomputes docs/shared-vault-vectors.json; how many values there are."""
    with open(path, encoding="utf-8") as f:
        v = json.load(f)
    same, key = Same(), bytes.fromhex(v["backup_key"])
    same.where = "the password and the keys"
    same.all(v, password=normal(bytes.fromhex(v["password_typed"]).decode()), card_seed=card_seed(key),
             card_key=vault_client.management(card_seed(key))[1])
    sets = {one["name"]: one for one in v["sets"]}
    for same.where, one in sets.items():
        check_set(same, one, v, key)
    for a in v["attempts"]:
        same.where = a["name"]
        check_attempt(same, a, sets[a["set"]])
    for r in v["refused"]:
        try:
            Card(r["card"])
        except Refused:
            same.count += 1
        else:
            raise Refused("a card was taken although " + r["why"])
    return same.count
