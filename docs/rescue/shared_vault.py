#!/usr/bin/env python3
"""A client of a password that is shared over several vaults, written from docs/shared-vaults.md,
docs/vault-protocol.md and the RFCs that they name alone.

It shows that the text is enough, and gives a backup key back where the app cannot be had. It needs what
vault_client.py needs, and has that file, shared_card.py and shared_vectors.py beside it.

    shared_vault.py show     --card CARD                               prints the vaults that a card names
    shared_vault.py recover  --card CARD --password-in FILE [--agree]  prints the 64 digits
    shared_vault.py vector   FILE                                      checks docs/shared-vault-vectors.json
    shared_vault.py recorded FILE       recovers from the vaults' recorded messages and the password alone

CARD is a file: a card, or a backup's header (holdfast.json). Whoever can write to the place of a backup can write a
card into its header. So the vaults of a header are contacted only with --agree: look at them with `show` first.
The password is one line. What a vault does wrong is told by its name. Exit codes: 0 done, 1 failed, 4 wrong
password, 5 too many vaults have destroyed the account, 7 wait.

RECORDED has these fields of docs/shared-vault-vectors.json; others are not looked at:
    password_typed; sets: name, card, vaults: recovery: blind, client_nonce, client_keyshare_seed (what the client drew),
    ke2, released (what the vault answered; "" for a vault that is silent).

This is not constant-time code: do not run it where others can time it.
"""
import argparse
import base64
import hashlib
import http.client
import json
import queue
import re
import secrets
import ssl
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import vault_client
from shared_card import Card, key_id, normal, number, once, randomized_password, vault_input
from shared_vectors import check_vectors
from vault_client import G, N, Refused, encode, multiply

# What may go wrong with an answer of a vault that does what it wants.
ODD = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


# The talk with one vault. Both kinds have state(), start(ke1), finish(ke1, ke3), draw().
class Live(vault_client.Vault):
    def __init__(self, m):
        self.spki = m.spki
        if not m.url.startswith("https://"):
            raise Refused("is on a token, which only the app can ask")
        super().__init__({"version": 2, "suite": m.suite, "url": m.url, "public_key": vault_client.b64(m.public_key),
                          "account": vault_client.b64(m.id)})

    def connect(self):
        if not self.spki:
            return super().connect()
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c = http.client.HTTPSConnection(self.url.hostname, self.url.port or 443, context=context, timeout=30)
        c.connect()
        key = x509.load_der_x509_certificate(c.sock.getpeercert(binary_form=True)).public_key()
        if hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest() != self.spki:
            c.close()
            raise Refused("its server's certificate has another key than the card's")
        return c

    def state(self):
        return self.status()

    def draw(self):
        return secrets.randbelow(N - 1) + 1, secrets.token_bytes(32), secrets.randbelow(N - 1) + 1

    def start(self, ke1):
        """KE2 and the guesses left. After `unavailable` the same message goes out again, for up to 40 s."""
        until, version = time.monotonic() + 40, self.account_now["version"]
        while True:
            try:
                reply = self.ask("POST", self.path + "/recovery", {"ke1": vault_client.b64(ke1), "version": version})
                return base64.b64decode(reply["ke2"]), number(reply["guesses_left"], 0, 9)
            except Refused as e:
                if e.told not in ("unavailable", "stale") or time.monotonic() > until:
                    raise
                time.sleep(1)
                if e.told == "stale":
                    version = self.status()["version"]

    def finish(self, ke1, ke3):
        start = vault_client.b64(hashlib.sha256(ke1).digest())
        reply = self.ask("POST", self.path + "/recovery/finish", {"start": start, "ke3": vault_client.b64(ke3)})
        return base64.b64decode(reply["released"])


class Recorded:
    def __init__(self, m, messages):
        self.m, self.messages = m, {name: bytes.fromhex(messages[name]) for name in
                                    ("blind", "client_nonce", "client_keyshare_seed", "ke2", "released")}

    def state(self):
        return {"state": "living", "guesses_left": 10, "registered": self.m.registered}

    def draw(self):
        r = self.messages
        return int.from_bytes(r["blind"], "big"), r["client_nonce"], vault_client.derive_key_pair(r["client_keyshare_seed"])[0]

    def start(self, _):
        if not self.messages["ke2"]:
            raise OSError("silent")
        return self.messages["ke2"], 9

    def finish(self, *_):
        return self.messages["released"]


# Recovery (chapter 3).
class Guess:
    """What is known of one member in one recovery."""

    def __init__(self, i, member, talk):
        self.i, self.m, self.talk_with, self.talk = i, member, talk, None
        self.account, self.out, self.code, self.found = None, None, 1, None
        self.share_values, self.key, self.left = None, None, 0

    def careful(self, step, *args):
        """One step that a vault may spoil."""
        try:
            step(*args)
        except Refused as e:
            self.out, self.code = str(e), e.code
        except ODD as e:
            self.out = "gives an answer that is not valid"
            if isinstance(e, OSError):
                self.out = "has a certificate that does not hold" if isinstance(e, ssl.SSLError) else "does not answer"

    def look(self):
        self.talk = self.talk or self.talk_with(self.m)
        self.account = a = self.talk.state()
        self.talk.account_now = a
        if a is None:
            raise Refused("does not know the account", 5)
        a["registered"] = milliseconds(a["registered"])
        self.left = number(a["guesses_left"], 0, 10)
        if a["state"] != "living":
            raise Refused("has destroyed the account (%s)" % a.get("reason", "no reason"), 5)
        if a.get("wait_until"):  # the vault's clock counts
            raise Refused("asks to wait until " + str(a["wait_until"]), 7)

    def moved(self, old):
        """Whether it tells of another registration than the old set has (a dict of times by account), or of one that that has not."""
        a = self.account
        return a is not None and a["state"] == "living" and a["registered"] != old.get(self.m.id)

    def begin(self, salt, u):
        x = vault_input(salt, self.m, u)
        r, nonce, self.ephemeral = self.talk.draw()
        self.ke1 = vault_client.blind(x, r) + nonce + encode(multiply(self.ephemeral, G))
        self.ke2, self.left = self.talk.start(self.ke1)
        self.share_values = []  # it has answered: the guess is to be closed
        if len(self.ke2) != 259:
            raise ValueError
        try:
            rho = vault_client.oprf_output(x, r, self.ke2[:33])
        except Refused:
            raise ValueError from None
        self.share_values = self.m.values(rho)

    def give_up(self):
        """Closes the guess as a wrong one, so that the vault need not wait a minute to know."""
        try:
            self.talk.finish(self.ke1, secrets.token_bytes(32))
        except Refused as e:
            self.left = 0 if e.told == "destroyed" else self.left
        except ODD:
            pass

    def prove(self, secret, share):
        """KE3 where the record opens and the MAC holds, and what is wrong with this member."""
        by = self.share_values.index(share) if share in self.share_values else None
        if by is None:
            self.found = "gives wrong evaluations"
        try:
            self.key = self.proved(randomized_password(secret, self.m))
        except InvalidTag:
            self.found = "gives a wrong key"
        except Refused as e:
            if e.code == 4 and e.told is None:  # the record does not open
                if self.m.bridge is None or by == 0:
                    self.found = "gives a wrong record"  # else it holds the one of before, and does no wrong
            else:
                self.found = "does not prove that it is the vault (%s)" % e
            self.give_up()
        except ODD as e:
            self.found = "does not answer the proof" if isinstance(e, OSError) else "does not prove that it is the vault"

    def proved(self, rp, again=False):
        server, account = self.m.public_key, self.m.id
        ke3, session, export = vault_client.finish_login(rp, self.ke1, self.ke2, self.ephemeral, server, account)
        try:
            released = self.talk.finish(self.ke1, ke3)
        except Refused as e:
            if e.told != "stale" or again:
                raise
            before = self.ke2  # it was restarted since it answered KE1: it answers it again, and must evaluate the same
            self.ke2, self.left = self.talk.start(self.ke1)
            if self.ke2[:33] != before[:33]:
                raise Refused("it answers one question in two ways") from None
            return self.proved(rp, True)
        try:
            sealed = vault_client.open_release(session, released, account)
        except InvalidTag:
            raise Refused("what it releases does not open") from None
        return vault_client.open_key(export, sealed, account, server)


def milliseconds(text):
    """RFC 3339, to Unix milliseconds."""
    if type(text) is int:
        return text
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", text)
    day, clock, fraction, sign, hours, minutes = found.groups()
    when = datetime.strptime(day + " " + clock, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    if sign:
        when -= (1 if sign == "+" else -1) * timedelta(hours=int(hours), minutes=int(minutes))
    return (when - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1) + int(((fraction or "") + "000")[:3])


def together(guesses, step, patience=lambda: 60):
    """Runs step(guess) for all at once, and gives each guess as it is done; patience() is how many seconds the next may take."""
    done = queue.Queue()
    for g in guesses:
        threading.Thread(target=lambda g=g: (g.careful(step, g), done.put(g)), daemon=True).start()
    for _ in guesses:
        try:
            yield done.get(timeout=patience())
        except queue.Empty:
            return


class Moment:
    """How long vaults are waited for: 90 seconds, and 3 from when those that are missing are not needed any more."""

    def __init__(self):
        self.until, self.begun = time.monotonic() + 90, False

    def begin(self):
        if not self.begun:
            self.until, self.begun = time.monotonic() + 3, True

    def left(self):
        return max(0, self.until - time.monotonic())


def look(s, talk):
    """Asks all members for the account."""
    guesses, moment, lives = [Guess(i, m, talk) for i, m in enumerate(s.members, 1)], Moment(), 0
    done = []
    for g in together(guesses, Guess.look, moment.left):
        done.append(g)
        lives += g.account is not None and g.account["state"] == "living"
        if lives >= s.t:
            moment.begin()
    for n, g in enumerate(guesses):
        if g not in done:
            guesses[n] = Guess(g.i, g.m, talk)
            guesses[n].out = "does not answer in time"
    return guesses


def try_set(s, guesses, password, fits):
    """The key, or None where nothing fits; and those who answered."""
    u, values, answered, opened, moment = vault_client.stretch(password, s.salt), {}, [], None, Moment()
    for g in together(guesses, lambda g: g.begin(s.salt, u), moment.left):
        if g.share_values is not None:
            answered.append(g)
        if g.share_values:
            values[g.i] = g.share_values
            if not opened:
                opened = s.open(u, values, g.i)
                if opened:
                    moment.begin()
    for g in guesses:
        if g not in answered:
            g.out = g.out or "does not answer in time"
    if not opened:
        list(together(answered, Guess.give_up))
        return None, answered
    secret, shares = opened
    list(together(answered, lambda g: g.prove(secret, shares[g.i - 1])))
    key = next((g.key for g in answered if g.key and fits(g.key)), None)
    for g in answered:
        if g.key and g.key != key:
            g.found = "gives a wrong key"
    if key is None:
        raise Refused("the password is right, but no vault gave the key: " + told(guesses))
    return key, answered


def told(guesses):
    text = "; ".join("%s: %s" % (g.m.name, g.found or g.out) for g in guesses if g.found or g.out)
    return "".join(c if c.isprintable() else "?" for c in text)  # some of it is the vaults' own words


def too_few(s, guesses, usable):
    waiting, destroyed = (sum(g.code == code and bool(g.out) for g in guesses) for code in (7, 5))
    code = 7 if waiting and len(usable) + waiting >= s.t else 5 if destroyed > s.n - s.t else 1
    return Refused("%d vaults are needed: %s" % (s.t, told(guesses)), code)


def recover(card, password, talk, fits):
    """The key, and what was found of the vaults."""
    old, new = look(card.set, talk) if card.set else [], look(card.pending, talk) if card.pending else []
    times = {m.id: m.registered for m in card.set.members} if card.set else {}
    order = [(card.set, old), (card.pending, new)]
    if any(g.moved(times) for g in new):
        order.reverse()
    order = [(s, guesses) for s, guesses in order if s]
    tried = None
    for s, guesses in order:
        if tried:  # a second guess
            guesses = look(s, talk)
        for g in guesses:
            if s is card.set and g.moved(times):
                g.found = "holds another registration"
            elif tried and not g.out and g.left < 2:
                g.out = "has fewer than two guesses left"
        usable = [g for g in guesses if not g.out and not g.found]
        if len(usable) >= s.t:
            key, answered = try_set(s, usable, password, fits)
            if key is not None:
                return key, guesses
            tried = s, guesses, answered
        elif not tried and s is order[-1][0]:
            if not card.pending and len(usable) + sum(g.moved(times) for g in guesses) >= s.t:
                raise Refused("this place shows an older state of the password: " + told(guesses))
            raise too_few(s, guesses, usable)
    s, guesses, answered = tried
    if len(answered) < s.t:
        raise too_few(s, guesses, answered)
    left = sorted((g.left for g in guesses), reverse=True)[s.t - 1]
    raise Refused("; ".join(filter(None, ["the password is not right, or fewer than %d vaults answered truthfully" % s.t,
                                          "%d guesses left" % left, told(guesses)])), 4 if left else 5)


def recorded(path):
    with open(path, encoding="utf-8") as f:
        v = json.load(f)
    password = normal(bytes.fromhex(v["password_typed"]).decode())
    for one in v["sets"]:
        card = Card(one["card"])
        s = card.set or card.pending
        talks = {m.id: Recorded(m, a["recovery"]) for m, a in zip(s.members, one["vaults"])}
        key, guesses = recover(card, password, lambda m: talks[m.id], card.is_of)
        print(key.hex(), one["name"] + ("; " + told(guesses) if told(guesses) else ""))


def read(path):
    """The card in a file, and the key ids that a header has; none for a card alone."""
    with open(path, encoding="utf-8") as f:
        text = f.read(1 << 20)
    try:
        o = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Refused("the file is not JSON") from None
    if not isinstance(o, dict) or o.get("format") != "holdfast-backup":
        return Card(text), None
    if "vault_card" not in o:
        raise Refused("the header has no card")
    return Card(json.dumps(o["vault_card"], ensure_ascii=False)), {h.get("key_id") for h in (o, o.get("next") or {})}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("what", choices=["show", "recover", "vector", "recorded"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--card")
    parser.add_argument("--password-in")
    parser.add_argument("--agree", action="store_true", help="contact the vaults that a header names")
    a = parser.parse_args()
    if a.what == "vector":
        print("%d values are as they should be" % check_vectors(a.file))
        return
    if a.what == "recorded":
        recorded(a.file)
        return
    card, ids = read(a.card)
    if a.what == "show":
        card.show()
        return
    if ids is not None and not a.agree:
        card.show()
        raise Refused("look at these vaults, and run this again with --agree if they are yours; none was contacted")

    def fits(key):
        return card.is_of(key) and (ids is None or key_id(key) in ids)

    key, guesses = recover(card, normal(vault_client.line(a.password_in)), Live, fits)
    if told(guesses):
        print("shared_vault:", told(guesses), file=sys.stderr)
    print(key.hex())


if __name__ == "__main__":
    try:
        main()
    except Refused as e:
        print("shared_vault:", e, file=sys.stderr)
        sys.exit(e.code)
