package crypto_test

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// indexed is the base with the keysets of an index, two of e-mail.
func (w *workshop) indexed() kit {
	k := w.base.clone()
	for _, s := range []struct {
		use     string
		version int
	}{{"index:email", 1}, {"index:email", 2}, {"index:phone", 1}, {"index:exact", 1}} {
		k.keysets = append(k.keysets, w.keyset(s.use, s.version, prf.HMACSHA256PRFKeyTemplate()))
	}
	return k
}

// prf computes with a keyset of a case, in Tink's hands.
func (w *workshop) prf(k kit, use string, version int, data []byte) []byte {
	i := slices.IndexFunc(k.keysets, func(s crypto.Keyset) bool { return s.Use == use && s.Version == version })
	h, err := keyset.ReadWithContext(w.Context(), keyset.NewBinaryReader(bytes.NewReader(k.keysets[i].Sealed)), w.kek,
		tuple("sfsync/keyset/1", orgA, use, version))
	must(w, err)
	set, err := prf.NewPRFSet(h)
	must(w, err)
	sum, err := set.ComputePrimaryPRF(data, 32)
	must(w, err)
	return sum
}

// buried is a tombstone whose digest is of a tuple.
func (w *workshop) buried(expect, kind, text string, parts ...any) kit {
	k := w.indexed()
	k.expect, k.of, k.text = expect, digestOf{kind: kind}, text
	k.digest = w.prf(k, crypto.SuppressionUse, 1, tuple(parts...))
	return k
}

// found is an entry of the index whose digest is of a tuple.
func (w *workshop) found(expect, kind string, version int, text string, parts ...any) kit {
	k := w.indexed()
	k.expect, k.of, k.text = expect, digestOf{kind, version, 1}, text
	k.digest = w.prf(k, "index:"+kind, version, tuple(parts...))[:16]
	return k
}

const (
	ada     = " Ada@Example.com"
	adaKept = "ada@example.com"
)

func (w *workshop) goodDigests() map[string]kit {
	record, person := contact(1).Record, "0123456789abcdef"
	return map[string]kit{
		"good_tombstone_record":  w.buried("success", "r", record, "sfsync/tombstone/1", orgA, "r", record),
		"good_tombstone_person":  w.buried("success", "p", person, "sfsync/tombstone/1", orgA, "p", person),
		"good_tombstone_address": w.buried("success", "e", ada, "sfsync/tombstone/1", orgA, "e", adaKept),
		"good_index_email":       w.found("success", "email", 1, ada, "sfsync/index/1", orgA, "email", 1, 1, adaKept),
		"good_index_renewed":     w.found("success", "email", 2, ada, "sfsync/index/1", orgA, "email", 2, 1, adaKept),
		"good_index_phone":       w.found("success", "phone", 1, "+1 (415) 555-0100", "sfsync/index/1", orgA, "e164", 1, 1, "14155550100"),
		"good_index_digits":      w.found("success", "phone", 1, "(415) 555-0100", "sfsync/index/1", orgA, "digits", 1, 1, "4155550100"),
		"good_index_exact":       w.found("success", "exact", 1, "A-17", "sfsync/index/1", orgA, "exact", 1, 1, "A-17"),
	}
}

// badDigests are of tuples with something in them changed.
func (w *workshop) badDigests() map[string]kit {
	record := contact(1).Record
	r := func(parts ...any) kit { return w.buried("another", "r", record, parts...) }
	email := func(parts ...any) kit { return w.found("another", "email", 2, ada, parts...) }
	key := w.buried("another", "r", record, "sfsync/tombstone/1", orgA, "r", record)
	key.keysets[1] = w.keyset(crypto.SuppressionUse, 1, prf.HMACSHA256PRFKeyTemplate())
	half := r("sfsync/tombstone/1", orgA, "r", record)
	half.digest = half.digest[:16]
	return map[string]kit{
		"tombstone_another_label": r("sfsync/tombstone/2", orgA, "r", record),
		"tombstone_index_label":   r("sfsync/index/1", orgA, "r", record),
		"tombstone_another_org":   r("sfsync/tombstone/1", orgB, "r", record),
		"tombstone_another_kind":  r("sfsync/tombstone/1", orgA, "p", record),
		"tombstone_another_order": r("sfsync/tombstone/1", "r", orgA, record),
		"tombstone_short_record":  r("sfsync/tombstone/1", orgA, "r", record[:15]),
		"tombstone_without_kind":  r("sfsync/tombstone/1", orgA, record),
		"tombstone_another_key":   key,
		"tombstone_half":          half,
		"index_another_label":     email("sfsync/index/2", orgA, "email", 2, 1, adaKept),
		"index_tombstone_label":   email("sfsync/tombstone/1", orgA, "email", 2, 1, adaKept),
		"index_another_org":       email("sfsync/index/1", orgB, "email", 2, 1, adaKept),
		"index_another_form":      email("sfsync/index/1", orgA, "exact", 2, 1, adaKept),
		"index_another_version":   email("sfsync/index/1", orgA, "email", 1, 1, adaKept),
		"index_another_rules":     email("sfsync/index/1", orgA, "email", 2, 2, adaKept),
		"index_another_order":     email("sfsync/index/1", orgA, "email", 1, 2, adaKept),
		"index_not_normalised":    email("sfsync/index/1", orgA, "email", 2, 1, ada),
		"index_of_another_key":    w.found("another", "email", 1, ada, "sfsync/index/1", orgA, "email", 2, 1, adaKept),
	}
}

// badIndexKeysets stand in the place of the one that the digest is under.
func (w *workshop) badIndexKeysets() map[string]kit {
	const at = 2
	keyset := func(expect fault.Code, change func(all []crypto.Keyset)) kit {
		k := w.found(string(expect), "email", 1, ada, "sfsync/index/1", orgA, "email", 1, 1, adaKept)
		change(k.keysets)
		return k
	}
	bend := func(expect fault.Code, change func(s *crypto.Keyset)) kit {
		return keyset(expect, func(all []crypto.Keyset) { change(&all[at]) })
	}
	return map[string]kit{
		"index_keyset_bit":             bend(fault.KeyUnavailable, func(s *crypto.Keyset) { s.Sealed = flipped(s.Sealed, 40) }),
		"index_keyset_cut":             bend(fault.KeyUnavailable, func(s *crypto.Keyset) { s.Sealed = s.Sealed[:len(s.Sealed)/2] }),
		"index_keyset_another_version": keyset(fault.KeyUnavailable, func(all []crypto.Keyset) { all[at].Sealed, all[at+1].Sealed = all[at+1].Sealed, all[at].Sealed }),
		"index_keyset_another_type":    keyset(fault.KeyUnavailable, func(all []crypto.Keyset) { all[at].Sealed, all[at+2].Sealed = all[at+2].Sealed, all[at].Sealed }),
		"index_keyset_suppression":     bend(fault.KeyUnavailable, func(s *crypto.Keyset) { s.Sealed = w.base.keysets[1].Sealed }),
		"index_keyset_sha512":          bend(fault.FormatUnknown, func(s *crypto.Keyset) { *s = w.keyset(s.Use, 1, prf.HMACSHA512PRFKeyTemplate()) }),
		"index_keyset_hkdf":            bend(fault.FormatUnknown, func(s *crypto.Keyset) { *s = w.keyset(s.Use, 1, prf.HKDFSHA256PRFKeyTemplate()) }),
		"index_keyset_destroyed":       expecting("another", bend("", func(s *crypto.Keyset) { s.State = crypto.Destroyed })),
		"index_proof_bit":              bend(fault.WrongOrg, func(s *crypto.Keyset) { s.Proof = flipped(s.Proof, -1) }),
		"index_proof_cut":              bend(fault.WrongOrg, func(s *crypto.Keyset) { s.Proof = s.Proof[:16] }),
		"index_proof_missing":          bend(fault.WrongOrg, func(s *crypto.Keyset) { s.Proof = s.Proof[:0:0] }),
		"index_proof_of_another":       keyset(fault.WrongOrg, func(all []crypto.Keyset) { all[at].Proof = all[at+1].Proof }),
	}
}

// logs are forget logs. Bodies are put together by hand, as the doc of
// ForgetEntry.Body says: the numbers are zigzag variable-length integers.
func (w *workshop) logs() map[string]kit {
	p, stone := strings.Repeat("P", 16), strings.Repeat("S", 32)
	forgot := "\x01f\x02\x80\xc4\x9f\xd5\x0c\x02\x02" + p + "\x06r" + stone + "p" + stone + "e" + stone
	lifted := "\x01l\x04\x82\xc4\x9f\xd5\x0c\x02\x00\x06r" + stone + "p" + stone + "e" + stone
	first := w.mac("sfsync/forget/1", orgA, strings.Repeat("\x00", 32), forgot)
	second := w.mac("sfsync/forget/1", orgA, first, lifted)
	log := func(expect string, entries ...string) kit {
		k := w.base.clone()
		k.expect = expect
		for i := 0; i < len(entries); i += 2 {
			k.log = append(k.log, logged{[]byte(entries[i]), []byte(entries[i+1])})
		}
		return k
	}
	bad := func(entries ...string) kit { return log(string(fault.Tampered), entries...) }
	body := func(b string) kit { return bad(b, w.mac("sfsync/forget/1", orgA, strings.Repeat("\x00", 32), b)) }
	good := log("success", forgot, first, lifted, second)
	good.text = "1 at 1700000000: f of 1; " + crypto.Person([]byte(p)).String() + " r=53535353 p=53535353 e=53535353\n" +
		"2 at 1700000001: l of 1; r=53535353 p=53535353 e=53535353\n"
	zero := strings.Repeat("\x00", 32)
	return map[string]kit{
		"good_forget_log":             good,
		"forget_another_label":        bad(forgot, w.mac("sfsync/forget/2", orgA, zero, forgot)),
		"forget_another_org":          bad(forgot, w.mac("sfsync/forget/1", orgB, zero, forgot)),
		"forget_another_order":        bad(forgot, w.mac("sfsync/forget/1", orgA, forgot, zero)),
		"forget_without_previous":     bad(forgot, first, lifted, w.mac("sfsync/forget/1", orgA, zero, lifted)),
		"forget_previous_left_out":    bad(forgot, w.mac("sfsync/forget/1", orgA, forgot)),
		"forget_mac_bit":              bad(forgot, string(flipped([]byte(first), 0))),
		"forget_body_bit":             bad(string(flipped([]byte(forgot), 20)), first),
		"forget_second_alone":         bad(lifted, second),
		"forget_exchanged":            bad(lifted, second, forgot, first),
		"forget_twice":                bad(forgot, first, forgot, first),
		"forget_body_empty":           body(""),
		"forget_body_cut":             body(forgot[:len(forgot)-1]),
		"forget_body_longer":          body(forgot + "\x00"),
		"forget_body_version_0":       body("\x00" + forgot[1:]),
		"forget_body_version_2":       body("\x02" + forgot[1:]),
		"forget_body_unknown_kind":    body("\x01x" + forgot[2:]),
		"forget_body_seq_0":           body("\x01f\x00" + forgot[3:]),
		"forget_body_long_integer":    body("\x01f\x82\x00" + forgot[3:]),
		"forget_body_negative_count":  body("\x01f\x02\x00\x02\x01\x00"),
		"forget_body_count_too_large": body("\x01f\x02\x00\x02\xff\xff\xff\xff\x0f"),
	}
}

func (w *workshop) mac(parts ...any) string {
	return string(w.prf(w.base, crypto.SuppressionUse, 1, tuple(parts...)))
}
