package opaque_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/ppss"
	"github.com/holdfast-backup/holdfast/vault/card"
)

// docs/shared-vault-vectors.json has whole sets with all that is random in them. docs/rescue/shared_vault.py checks it too.
const sharedVectorPath = "../../docs/shared-vault-vectors.json"

var writeSharedVector = flag.Bool("opaque.shared-vectors", false, "write docs/shared-vault-vectors.json")

const sharedNote = "Shared passwords; see docs/shared-vaults.md. Binary values are hexadecimal, numbers big endian. A set has all that is random in it, " +
	"what it gives, and one recovery under its record at each vault (recovery: KE1, KE2 and KE3 of vault-protocol.md). Where a vault has previous_s, that was its account's " +
	"scalar before, and the bridge comes from it. An attempt gives, for a set and a password, the vaults' answers (element: the evaluated element for " +
	"the blind given; an empty one: no answer) and what is to come of it: opens, and for each vault that answered whether it gives its share. " +
	"refused has cards that must be refused."

type sharedVectors struct {
	Note     string          `json:"note"`
	Typed    string          `json:"password_typed"` // UTF-8 bytes, as typed
	Password string          `json:"password"`       // in NFC
	Key      string          `json:"backup_key"`
	CardSeed string          `json:"card_seed"`
	CardKey  string          `json:"card_key"`
	Sets     []sharedSet     `json:"sets"`
	Attempts []sharedAttempt `json:"attempts"`
	Refused  []sharedRefusal `json:"refused"`
}

type sharedSet struct {
	Name         string         `json:"name"`
	Threshold    int            `json:"threshold"`
	Salt         string         `json:"salt"`
	U            string         `json:"u"`
	Secret       string         `json:"secret"`
	Coefficients []string       `json:"coefficients"`
	Commitment   string         `json:"commitment"`
	Vaults       []sharedMember `json:"vaults"`
	Card         string         `json:"card"` // its text
}

type sharedMember struct {
	Name       string `json:"name"`
	URL        string `json:"url"`
	OPRF       string `json:"k_oprf"`
	AKE        string `json:"k_ake"`
	PublicKey  string `json:"public_key"`
	Nonce      string `json:"nonce"`
	Account    string `json:"account"`
	Scalar     string `json:"s"`
	Previous   string `json:"previous_s,omitempty"`
	Input      string `json:"x"`
	Blind      string `json:"blind"`
	Request    string `json:"registration_request"`
	Response   string `json:"registration_response"`
	Output     string `json:"rho"`
	Share      string `json:"share"`
	Mask       string `json:"mask"`
	Bridge     string `json:"bridge,omitempty"`
	Randomized string `json:"randomized_password"`
	Nonce2     string `json:"envelope_nonce"`
	Record     string `json:"record"`
	ExportKey  string `json:"export_key"`
	SealNonce  string `json:"sealed_key_nonce"`
	Sealed     string `json:"sealed_key"`
	Seed       string `json:"management_seed"`
	Management string `json:"management_key"`
	Ticket     string `json:"ticket"`
	Signature  string `json:"registration_signature"`

	Recovery sharedRecovery `json:"recovery"`
}

type sharedRecovery struct {
	Blind        string `json:"blind"`
	ClientNonce  string `json:"client_nonce"`
	ClientSeed   string `json:"client_keyshare_seed"`
	MaskingNonce string `json:"masking_nonce"`
	ServerNonce  string `json:"server_nonce"`
	ServerShare  string `json:"server_keyshare"`
	KE1          string `json:"ke1"`
	KE2          string `json:"ke2"`
	KE3          string `json:"ke3"`
	SessionKey   string `json:"session_key"`
	ReleaseNonce string `json:"release_nonce"`
	Released     string `json:"released"`
}

type sharedAttempt struct {
	Name     string         `json:"name"`
	Set      string         `json:"set"`
	Password string         `json:"password"` // in NFC
	Answers  []sharedAnswer `json:"answers"`
	Opens    bool           `json:"opens"`
}

type sharedAnswer struct {
	Blind   string `json:"blind"`
	Element string `json:"element"`
	Holds   bool   `json:"holds"`
}

type sharedRefusal struct {
	Why  string `json:"why"`
	Card string `json:"card"`
}

func fixed(label string, n int) []byte {
	sum := sha256.Sum256([]byte("holdfast shared vault vector " + label))
	return sum[:n]
}

func hx(b []byte) string { return hex.EncodeToString(b) }

func unhx(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func scalarOf(label string) *opaque.Scalar {
	s, err := opaque.ParseScalar(fixed(label, 32))
	if err != nil {
		panic(err)
	}
	return s
}

func hkdfOf(ikm, salt []byte, info string) []byte {
	b, err := hkdf.Key(sha256.New, ikm, salt, info, 32)
	if err != nil {
		panic(err)
	}
	return b
}

func sealOf(key, nonce, plain, aad []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm.Seal(bytes.Clone(nonce), nonce, plain, aad)
}

// scalars are a vault's, in memory.
type scalars struct{ oprf, ake *opaque.Scalar }

func (k scalars) EvaluateOPRF(_ context.Context, p opaque.Point) (opaque.Point, error) {
	return k.oprf.Multiply(p), nil
}

func (k scalars) EvaluateAKE(_ context.Context, p opaque.Point) (opaque.Point, error) {
	return k.ake.Multiply(p), nil
}

func (k scalars) PublicKeys() (oprf, ake opaque.Point) {
	return k.oprf.MultiplyBase(), k.ake.MultiplyBase()
}

// maker makes the vectors.
type maker struct {
	t        *testing.T
	password []byte
	key      []byte
	signer   ed25519.PrivateKey
}

func (m *maker) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// set makes a set. bridged: the vaults held records before. of is the set whose secret it keeps, mended the vault that was registered
// again since then, -1: none.
func (m *maker) set(name, of string, threshold, n int, bridged bool, mended int) sharedSet {
	m.t.Helper()
	s := sharedSet{Name: name, Threshold: threshold, Salt: hx(fixed(of+" salt", 32))}
	u := ppss.Stretch(m.password, unhx(s.Salt))
	secret := fixed(of+" secret", 32)
	var above [][]byte
	for i := range threshold - 1 {
		above = append(above, fixed(fmt.Sprint(of, " coefficient ", i+1), 32))
		s.Coefficients = append(s.Coefficients, hx(above[i]))
	}
	s.U, s.Secret = hx(u), hx(secret)
	shared, err := ppss.SecretOf(secret, above, n)
	m.must(err)
	public := ppss.Set{Threshold: threshold, Salt: unhx(s.Salt)}
	cardSet := &card.Set{Threshold: threshold, Salt: public.Salt}
	for i := range n {
		vault := fmt.Sprint("vault ", i+1)
		member := card.Member{Name: "Vault " + string('A'+rune(i)), URL: card.URL(fmt.Sprintf("https://vault-%d.example", i+1)), Suite: 1,
			PublicKey: scalarOf(vault + " k_ake").MultiplyBase().Bytes(), Nonce: fixed(of+" nonce "+vault, 16)}
		v := sharedMember{Name: member.Name, URL: string(member.URL), OPRF: hx(fixed(vault+" k_oprf", 32)), AKE: hx(fixed(vault+" k_ake", 32)),
			PublicKey: hx(member.PublicKey), Nonce: hx(member.Nonce), Account: hx(member.Account(m.signer.Public().(ed25519.PublicKey)))}
		own := of
		if i == mended {
			own = name
		}
		v.Scalar = hx(fixed(own+" s "+vault, 32))
		public.Members = append(public.Members, ppss.Member{PublicKey: member.PublicKey, Account: unhx(v.Account)})
		if bridged {
			v.Previous = hx(fixed("before s "+vault, 32))
		}
		m.register(&v, own+" "+vault, public, i, u, shared)
		public.Members[i].Mask, member.Mask = unhx(v.Mask), unhx(v.Mask)
		if bridged {
			public.Members[i].Bridge, member.Bridge = unhx(v.Bridge), unhx(v.Bridge)
		} else {
			member.Registered = 1_790_000_000_000 + int64(i)
		}
		s.Vaults, cardSet.Vaults = append(s.Vaults, v), append(cardSet.Vaults, member)
	}
	cardSet.Commitment = shared.Commit(public, u)
	s.Commitment = hx(cardSet.Commitment)
	c := card.Shared{Set: cardSet}
	if bridged {
		c = card.Shared{Pending: cardSet}
	}
	c.Sign(m.signer)
	s.Card = string(c.Encode())
	if _, err := card.ParseShared([]byte(s.Card)); err != nil {
		m.t.Fatal(err)
	}
	return s
}

// register fills in what one vault's registration gives, and one recovery under it.
func (m *maker) register(v *sharedMember, own string, public ppss.Set, i int, u []byte, secret *ppss.Secret) {
	server := opaque.Server{Keys: scalars{mustScalar(v.OPRF), mustScalar(v.AKE)}}
	V, id, member := unhx(v.PublicKey), unhx(v.Account), public.Members[i]
	x := public.Input(i, u)
	v.Input, v.Blind = hx(x), hx(fixed(own+" blind", 32))
	blinding, request, err := opaque.BlindWith(x, mustScalar(v.Blind))
	m.must(err)
	response, err := server.RegistrationResponse(m.t.Context(), mustScalar(v.Scalar), request)
	m.must(err)
	output, err := blinding.Finalize(response[:33])
	m.must(err)
	v.Request, v.Response, v.Output = hx(request), hx(response), hx(output)
	v.Share, v.Mask = hx(secret.Shares()[i]), hx(secret.Mask(member, i, output))
	if v.Previous != "" {
		before, err := server.RegistrationResponse(m.t.Context(), mustScalar(v.Previous), request)
		m.must(err)
		old, err := blinding.Finalize(before[:33])
		m.must(err)
		v.Bridge = hx(secret.Bridge(member, i, old))
	}
	randomized := secret.RandomizedPassword(member)
	v.Randomized, v.Nonce2 = hx(randomized), hx(fixed(own+" envelope", 32))
	record, exportKey := opaque.NewRecordWith(randomized, unhx(v.Nonce2), id, V)
	v.Record, v.ExportKey, v.SealNonce = hx(record), hx(exportKey), hx(fixed(own+" seal", 12))
	sealed := sealOf(hkdfOf(exportKey, nil, "holdfast vault sealed-key v1"), unhx(v.SealNonce), m.key,
		slices.Concat([]byte("holdfast vault sealed-key v1"), id, V))
	seed := hkdfOf(m.key, slices.Concat(V, id), "holdfast backupkey vault-account v1")
	management := ed25519.NewKeyFromSeed(seed)
	v.Sealed, v.Seed, v.Management = hx(sealed), hx(seed), hx(management.Public().(ed25519.PublicKey))
	ticket := slices.Concat(fixed(own+" ticket 1", 32), fixed(own+" ticket 2", 32), fixed(own+" ticket 3", 12))
	ticketSum, sealedSum := sha256.Sum256(ticket), sha256.Sum256(sealed)
	v.Ticket = hx(ticket)
	v.Signature = hx(ed25519.Sign(management,
		slices.Concat([]byte("holdfast vault registration v1"), V, id, ticketSum[:], record, sealedSum[:], unhx(v.Management))))
	v.Recovery = m.recovery(own, server, *v, x, randomized)
}

func mustScalar(s string) *opaque.Scalar {
	k, err := opaque.ParseScalar(unhx(s))
	if err != nil {
		panic(err)
	}
	return k
}

func (m *maker) recovery(own string, server opaque.Server, v sharedMember, x, randomized []byte) sharedRecovery {
	f := func(what string, n int) string { return hx(fixed(own+" recovery "+what, n)) }
	r := sharedRecovery{Blind: f("blind", 32), ClientNonce: f("client nonce", 32), ClientSeed: f("client seed", 32),
		MaskingNonce: f("masking nonce", 32), ServerNonce: f("server nonce", 32), ServerShare: f("server share", 32),
		ReleaseNonce: f("release", 12)}
	run, ke1, err := opaque.StartKeyedLoginWith(x, mustScalar(r.Blind), unhx(r.ClientNonce), unhx(r.ClientSeed))
	m.must(err)
	parsed, err := opaque.ParseKE1(ke1)
	m.must(err)
	account := opaque.Account{Scalar: mustScalar(v.Scalar), Record: unhx(v.Record), Identity: unhx(v.Account)}
	login, err := server.GenerateKE2With(m.t.Context(), account, parsed, unhx(r.MaskingNonce), unhx(r.ServerNonce), mustScalar(r.ServerShare))
	m.must(err)
	ke3, session, exportKey, err := run.Finish(randomized, login.KE2, unhx(v.Account), unhx(v.PublicKey))
	m.must(err)
	if !opaque.VerifyKE3(login.ExpectedKE3, ke3) || hx(exportKey) != v.ExportKey {
		m.t.Fatal("client and server do not agree")
	}
	r.KE1, r.KE2, r.KE3, r.SessionKey = hx(ke1), hx(login.KE2), hx(ke3), hx(session)
	r.Released = hx(sealOf(hkdfOf(session, nil, "holdfast vault release v1"), unhx(r.ReleaseNonce), unhx(v.Sealed), unhx(v.Account)))
	return r
}

// attempt is one try of a password at a set. answers say how each vault does: "true", "before", "lies", or "" for silence.
func (m *maker) attempt(name string, s sharedSet, password []byte, answers ...string) sharedAttempt {
	m.t.Helper()
	u := ppss.Stretch(password, unhx(s.Salt))
	public := ppss.Set{Threshold: s.Threshold, Salt: unhx(s.Salt), Commitment: unhx(s.Commitment)}
	for _, v := range s.Vaults {
		member := ppss.Member{PublicKey: unhx(v.PublicKey), Account: unhx(v.Account), Mask: unhx(v.Mask)}
		if v.Bridge != "" {
			member.Bridge = unhx(v.Bridge)
		}
		public.Members = append(public.Members, member)
	}
	a := sharedAttempt{Name: name, Set: s.Name, Password: hx(password)}
	outputs := make([][]byte, len(answers))
	for i, how := range answers {
		answer := sharedAnswer{Blind: hx(fixed(fmt.Sprint(name, " blind ", i), 32))}
		if how != "" {
			blinding, request, err := opaque.BlindWith(public.Input(i, u), mustScalar(answer.Blind))
			m.must(err)
			scalar := map[string]string{"true": s.Vaults[i].Scalar, "before": s.Vaults[i].Previous, "lies": hx(fixed("a lie", 32))}[how]
			response, err := opaque.Server{Keys: scalars{mustScalar(s.Vaults[i].OPRF), mustScalar(s.Vaults[i].AKE)}}.RegistrationResponse(
				m.t.Context(), mustScalar(scalar), request)
			m.must(err)
			answer.Element = hx(response[:33])
			outputs[i], err = blinding.Finalize(response[:33])
			m.must(err)
		}
		a.Answers = append(a.Answers, answer)
	}
	secret, err := public.Open(u, outputs)
	a.Opens = err == nil
	for i := range a.Answers {
		a.Answers[i].Holds = a.Opens && outputs[i] != nil && secret.Holds(public.Members[i], i, outputs[i])
	}
	return a
}

// refusals are cards that must be refused, each for one reason; those that are signed are so by the right key.
func (m *maker) refusals(text string) (all []sharedRefusal) {
	m.t.Helper()
	change := func(why string, sign bool, fn func(c *card.Shared)) {
		c, err := card.ParseShared([]byte(text))
		m.must(err)
		if fn(c); sign {
			c.Sign(m.signer)
		}
		all = append(all, sharedRefusal{why, string(c.Encode())})
	}
	change("half of the vaults are enough", true, func(c *card.Shared) { c.Set.Threshold = 1 })
	change("more vaults are needed than there are", true, func(c *card.Shared) { c.Set.Threshold = 4 })
	change("a vault is named twice", true, func(c *card.Shared) { c.Set.Vaults[1].PublicKey = c.Set.Vaults[0].PublicKey })
	change("a mask was altered", false, func(c *card.Shared) { c.Set.Vaults[1].Mask[3] ^= 1 })
	change("the salt was altered", false, func(c *card.Shared) { c.Set.Salt[0] ^= 1 })
	change("the order was altered", false, func(c *card.Shared) { slices.Reverse(c.Set.Vaults) })
	change("the signature was altered", false, func(c *card.Shared) { c.Signature[5] ^= 1 })
	change("a set that counts has a bridge", true, func(c *card.Shared) { c.Set.Vaults[0].Bridge = make([]byte, 32) })
	change("there is no set", true, func(c *card.Shared) { c.Set = nil })
	all = append(all, sharedRefusal{"a field comes twice", strings.Replace(text, `"threshold":2`, `"threshold":2,"threshold":2`, 1)})
	for _, r := range all {
		if _, err := card.ParseShared([]byte(r.Card)); err == nil {
			m.t.Errorf("not refused: %s", r.Why)
		}
	}
	return all
}

func makeSharedVectors(t *testing.T) sharedVectors {
	t.Helper()
	typed := []byte("Gru\u0308\u00dfe aus Ko\u0308ln")
	m := &maker{t: t, password: norm.NFC.Bytes(typed), key: fixed("backup key", 32)}
	seed := hkdfOf(m.key, nil, "holdfast backupkey shared-vault-card v1")
	m.signer = ed25519.NewKeyFromSeed(seed)
	f := sharedVectors{Note: sharedNote, Typed: hx(typed), Password: hx(m.password), Key: hx(m.key), CardSeed: hx(seed),
		CardKey: hx(m.signer.Public().(ed25519.PublicKey))}
	sets := []sharedSet{m.set("1 of 1", "1 of 1", 1, 1, false, -1), m.set("2 of 2", "2 of 2", 2, 2, false, -1),
		m.set("2 of 3", "2 of 3", 2, 3, false, -1), m.set("3 of 5", "3 of 5", 3, 5, false, -1),
		m.set("2 of 3, pending with bridges", "pending", 2, 3, true, -1), m.set("2 of 3, the second mended", "2 of 3", 2, 3, false, 1)}
	two, pending, mended, wrong := sets[2], sets[4], sets[5], []byte("another")
	f.Sets = sets
	f.Attempts = []sharedAttempt{
		m.attempt("one vault", sets[0], m.password, "true"),
		m.attempt("both", sets[1], m.password, "true", "true"),
		m.attempt("one of both lies", sets[1], m.password, "true", "lies"),
		m.attempt("all", two, m.password, "true", "true", "true"),
		m.attempt("one is silent", two, m.password, "", "true", "true"),
		m.attempt("one lies", two, m.password, "true", "lies", "true"),
		m.attempt("one lies and one is silent", two, m.password, "true", "lies", ""),
		m.attempt("a wrong password", two, wrong, "true", "true", "true"),
		m.attempt("three of five", sets[3], m.password, "lies", "true", "true", "", "true"),
		m.attempt("none has moved", pending, m.password, "before", "before", "before"),
		m.attempt("one has moved", pending, m.password, "true", "before", ""),
		m.attempt("one has moved and one lies", pending, m.password, "true", "lies", "before"),
		m.attempt("mended", mended, m.password, "true", "true", ""),
		m.attempt("the second holds the record of before", mended, m.password, "true", "lies", "true"),
	}
	f.Refused = m.refusals(two.Card)
	return f
}

func TestSharedVectors(t *testing.T) {
	got := makeSharedVectors(t)
	text, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *writeSharedVector {
		if err := os.WriteFile(sharedVectorPath, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(sharedVectorPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Error("docs/shared-vault-vectors.json has other values: a format that has landed does not change")
	}
	for _, a := range got.Attempts {
		t.Logf("%s: opens %v", a.Name, a.Opens)
	}
}
