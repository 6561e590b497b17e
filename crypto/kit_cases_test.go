package crypto_test

import (
	"bytes"
	"iter"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// cases are what TestMakeKit writes, by the name of the file.
func (w *workshop) cases() iter.Seq2[string, kit] {
	return func(yield func(string, kit) bool) {
		for _, cases := range []map[string]kit{w.good(), w.badKEKs(), w.badKeysets(), w.badKeys(), w.badValues(), w.badPlaces(), w.badPlaintexts(),
			w.goodDigests(), w.badDigests(), w.badIndexKeysets(), w.logs()} {
			for name, k := range cases {
				if !yield(name, k) {
					return
				}
			}
		}
	}
}

// good are copies that open.
func (w *workshop) good() map[string]kit {
	out := map[string]kit{"good_text": w.base, "good_older_generation": w.generation()}
	for name, text := range map[string]string{"empty": "", "unicode": "Zoë 北京", "long": strings.Repeat("Analytical Engine. ", 20), "zero_bytes": "a\x00\x00"} {
		k := w.value(string(crypto.AppendPadded(nil, 1, []byte(text), false)))
		k.text = text
		out["good_"+name] = k
	}
	for name, small := range map[string]bool{"good_null": false, "good_small_null": true} {
		k := w.value(string(crypto.AppendPadded(nil, 1|crypto.NullBit, nil, small)))
		k.null = true
		out[name] = k
	}
	small := w.value(string(crypto.AppendPadded(nil, 2, []byte("true"), true)))
	small.text = "true"
	out["good_small"] = small
	out["good_kek_rotated"] = w.withKEK(func(m *keyset.Manager) { w.second(m, aead.AES256GCMKeyTemplate()) })
	retired := w.base.clone()
	retired.keysets[0].State = crypto.Retired
	retired.keysets = append(retired.keysets, w.keyset(crypto.BranchUse, 2, aead.AES256GCMKeyTemplate()))
	out["good_branch_rotated"] = retired
	return out
}

// second adds a key and makes it the primary one.
func (w *workshop) second(m *keyset.Manager, of *tinkpb.KeyTemplate) {
	id, err := m.Add(of)
	must(w, err)
	must(w, m.SetPrimary(id))
}

// bend is the base with one thing changed.
func (w *workshop) bend(expect fault.Code, change func(*kit)) kit {
	k := w.base.clone()
	change(&k)
	k.expect = string(expect)
	return k
}

func expecting(code fault.Code, k kit) kit {
	k.expect = string(code)
	return k
}

// flipped is a copy with one bit changed; a negative index counts from the end.
func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[(i+len(b))%len(b)] ^= 1
	return b
}

func (w *workshop) badKEKs() map[string]kit {
	swap := func(of *tinkpb.KeyTemplate) kit {
		return w.withKEK(func(m *keyset.Manager) { w.second(m, of) })
	}
	disabled := w.withKEK(func(m *keyset.Manager) {
		h, err := m.Handle()
		must(w, err)
		old := h.KeysetInfo().GetPrimaryKeyId()
		w.second(m, aead.AES256GCMKeyTemplate())
		must(w, m.Disable(old))
	})
	return map[string]kit{
		"kek_not_json":         w.bend(fault.FormatUnknown, func(k *kit) { k.kek = k.kek[:len(k.kek)/2] }),
		"kek_no_keys":          w.bend(fault.FormatUnknown, func(k *kit) { k.kek = `{"primaryKeyId":1,"key":[]}` }),
		"kek_of_128_bits":      expecting(fault.FormatUnknown, swap(aead.AES128GCMKeyTemplate())),
		"kek_without_prefix":   expecting(fault.FormatUnknown, swap(aead.AES256GCMNoPrefixKeyTemplate())),
		"kek_another_type":     expecting(fault.FormatUnknown, swap(aead.XChaCha20Poly1305KeyTemplate())),
		"kek_disabled":         expecting(fault.KeyUnavailable, disabled),
		"kek_another":          w.bend(fault.KeyUnavailable, func(k *kit) { k.kek = newWorkshop(w.T).base.kek }),
		"kek_not_base64":       w.bend(fault.FormatUnknown, func(k *kit) { k.kek = strings.Replace(k.kek, `"value":"`, `"value":"%`, 1) }),
		"kek_unknown_status":   w.bend(fault.FormatUnknown, func(k *kit) { k.kek = strings.Replace(k.kek, `ENABLED`, `SLEEPING`, 1) }),
		"kek_no_primary_in_it": w.bend(fault.FormatUnknown, func(k *kit) { k.kek = strings.Replace(k.kek, `"primaryKeyId":`, `"primaryKeyId":1`, 1) }),
	}
}

func (w *workshop) badKeysets() map[string]kit {
	keysets := func(expect fault.Code, change func(branch, suppression *crypto.Keyset)) kit {
		return w.bend(expect, func(k *kit) { change(&k.keysets[0], &k.keysets[1]) })
	}
	return map[string]kit{
		"keyset_cut":             keysets(fault.KeyUnavailable, func(b, _ *crypto.Keyset) { b.Sealed = b.Sealed[:len(b.Sealed)/2] }),
		"keyset_bit":             keysets(fault.KeyUnavailable, func(b, _ *crypto.Keyset) { b.Sealed = flipped(b.Sealed, 40) }),
		"keyset_another_version": keysets(fault.KeyUnavailable, func(b, _ *crypto.Keyset) { b.Version = 2 }),
		"keyset_another_use":     keysets(fault.KeyUnavailable, func(b, s *crypto.Keyset) { b.Sealed, s.Sealed = s.Sealed, b.Sealed }),
		"keyset_another_org":     w.bend(fault.KeyUnavailable, func(k *kit) { k.org = orgB }),
		"keyset_of_128_bits":     expecting(fault.FormatUnknown, w.withKeyset(crypto.BranchUse, aead.AES128GCMKeyTemplate())),
		"keyset_without_prefix":  expecting(fault.FormatUnknown, w.withKeyset(crypto.BranchUse, aead.AES256GCMNoPrefixKeyTemplate())),
		"keyset_another_type":    expecting(fault.FormatUnknown, w.withKeyset(crypto.BranchUse, aead.AES256GCMSIVKeyTemplate())),
		"keyset_another":         expecting(fault.KeyMissing, w.withKeyset(crypto.BranchUse, aead.AES256GCMKeyTemplate())),
		"keyset_destroyed":       w.destroyed(),
		"keyset_missing":         w.bend(fault.KeyMissing, func(k *kit) { k.keysets = k.keysets[1:] }),
		"proof_bit":              keysets(fault.WrongOrg, func(b, _ *crypto.Keyset) { b.Proof = flipped(b.Proof, -1) }),
		"proof_version":          keysets(fault.WrongOrg, func(b, _ *crypto.Keyset) { b.Proof = flipped(b.Proof, 0) }),
		"proof_missing":          keysets(fault.WrongOrg, func(b, _ *crypto.Keyset) { b.Proof = b.Proof[:0:0] }),
		"proof_holds_something":  keysets(fault.WrongOrg, func(b, _ *crypto.Keyset) { b.Proof = w.proof("x") }),
		"suppression_bit":        keysets(fault.KeyUnavailable, func(_, s *crypto.Keyset) { s.Sealed = flipped(s.Sealed, 40) }),
		"suppression_proof_cut":  keysets(fault.WrongOrg, func(_, s *crypto.Keyset) { s.Proof = s.Proof[:16] }),
		"suppression_sha512":     expecting(fault.FormatUnknown, w.withKeyset(crypto.SuppressionUse, prf.HMACSHA512PRFKeyTemplate())),
		"suppression_hkdf":       expecting(fault.FormatUnknown, w.withKeyset(crypto.SuppressionUse, prf.HKDFSHA256PRFKeyTemplate())),
		"suppression_missing":    w.bend(fault.StoreDamaged, func(k *kit) { k.keysets = k.keysets[:1] }),
	}
}

func (w *workshop) proof(text string) []byte {
	out, err := w.branch.Encrypt([]byte(text), tuple("sfsync/proof/1", orgA, "branch", 1))
	must(w, err)
	return out
}

func (w *workshop) destroyed() kit {
	return w.bend(fault.KeyMissing, func(k *kit) {
		k.keysets[0].State = crypto.Destroyed
		k.keysets = append(k.keysets, w.keyset(crypto.BranchUse, 2, aead.AES256GCMKeyTemplate()))
	})
}

func (w *workshop) badKeys() map[string]kit {
	key := func(expect fault.Code, change func(k *crypto.PersonKey)) kit {
		return w.bend(expect, func(k *kit) { change(&k.keys[0]) })
	}
	another := func(change func(k *crypto.PersonKey)) kit {
		return key(fault.Tampered, func(k *crypto.PersonKey) {
			other := *k
			change(&other)
			k.Wrapped = w.wrap(w.branch, w.raw, other)
		})
	}
	return map[string]kit{
		"key_bit":                key(fault.Tampered, func(k *crypto.PersonKey) { k.Wrapped = flipped(k.Wrapped, 30) }),
		"key_cut":                key(fault.Tampered, func(k *crypto.PersonKey) { k.Wrapped = k.Wrapped[:64] }),
		"key_of_another_branch":  key(fault.KeyMissing, func(k *crypto.PersonKey) { k.Wrapped = flipped(k.Wrapped, 4) }),
		"key_unknown_version":    key(fault.FormatUnknown, func(k *crypto.PersonKey) { k.Wrapped = flipped(k.Wrapped, 0) }),
		"key_unknown_branch":     key(fault.KeyMissing, func(k *crypto.PersonKey) { k.Branch = 2 }),
		"key_of_128_bits":        key(fault.FormatUnknown, func(k *crypto.PersonKey) { k.Wrapped = w.wrap(w.branch, w.raw[:16], *k) }),
		"key_another_generation": another(func(k *crypto.PersonKey) { k.Generation = 2 }),
		"key_another_id":         another(func(k *crypto.PersonKey) { k.ID++ }),
		"key_another_person":     another(func(k *crypto.PersonKey) { k.Person[0]++ }),
		"key_another_version":    another(func(k *crypto.PersonKey) { k.Branch = 2 }),
		"key_missing":            w.bend(fault.KeyMissing, func(k *kit) { k.keys = nil }),
	}
}

func (w *workshop) badValues() map[string]kit {
	value := func(expect fault.Code, change func(b []byte) []byte) kit {
		return w.bend(expect, func(k *kit) { k.sealed = change(k.sealed) })
	}
	bit := func(i int) func([]byte) []byte { return func(b []byte) []byte { return flipped(b, i) } }
	to := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	confused := w.generation() // names the other generation of its person
	copy(confused.sealed[1:], []byte{1, 2, 3, 4})
	return map[string]kit{
		"value_empty":              value(fault.Tampered, to(0)),
		"value_prefix_only":        value(fault.Tampered, to(5)),
		"value_too_short":          value(fault.Tampered, to(32)),
		"value_cut":                value(fault.Tampered, func(b []byte) []byte { return b[:len(b)-1] }),
		"value_longer":             value(fault.Tampered, func(b []byte) []byte { return append(b, 0) }),
		"value_version_0":          value(fault.FormatUnknown, bit(0)),
		"value_version_2":          value(fault.FormatUnknown, func(b []byte) []byte { return append([]byte{2}, b[1:]...) }),
		"value_unknown_key":        value(fault.KeyMissing, bit(4)),
		"value_another_generation": expecting(fault.Tampered, confused),
		"value_nonce_bit":          value(fault.Tampered, bit(5)),
		"value_ciphertext_bit":     value(fault.Tampered, bit(17)),
		"value_tag_bit":            value(fault.Tampered, bit(-1)),
		"value_without_prefix":     value(fault.FormatUnknown, func(b []byte) []byte { return append([]byte{0x80}, b[6:]...) }),
	}
}

// badPlaces are values that were sealed, with the same key, for another place.
func (w *workshop) badPlaces() map[string]kit {
	plain := string(crypto.AppendPadded(nil, 1, []byte("Lovelace"), false))
	id := w.base.keys[0].ID
	at := func(org string, p crypto.Person, change func(f *crypto.Field)) kit {
		f := w.base.place
		change(&f)
		return expecting(fault.Tampered, w.valueAt(plain, w.place(org, p, f, id)))
	}
	same := func(*crypto.Field) {}
	other := w.base.person
	other[15]++
	return map[string]kit{
		"place_another_org":    at(orgB, w.base.person, same),
		"place_another_person": at(orgA, other, same),
		"place_another_object": at(orgA, w.base.person, func(f *crypto.Field) { f.Object = "Lead" }),
		"place_another_record": at(orgA, w.base.person, func(f *crypto.Field) { f.Record = contact(2).Record }),
		"place_another_field":  at(orgA, w.base.person, func(f *crypto.Field) { f.Name = "FirstName" }),
		"place_short_record":   at(orgA, w.base.person, func(f *crypto.Field) { f.Record = f.Record[:15] }),
		"place_another_key":    expecting(fault.Tampered, w.valueAt(plain, w.place(orgA, w.base.person, w.base.place, id+1))),
		"place_another_label":  expecting(fault.Tampered, w.valueAt(plain, tuple("sfsync/field/2", orgA, "Contact", w.base.place.Record, "LastName", w.base.person, id))),
		"place_none":           expecting(fault.Tampered, w.valueAt(plain, nil)),
	}
}

// badPlaintexts are sealed as they should be and are no values.
func (w *workshop) badPlaintexts() map[string]kit {
	out := map[string]kit{}
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	for name, plain := range map[string]string{
		"empty":               "",
		"unpadded":            "\x01\x08Lovelace",
		"padded_too_little":   "\x01\x08Lovelace" + zeros(5),
		"padded_too_much":     "\x01\x08Lovelace" + zeros(22),
		"padded_with_a_one":   "\x01\x08Lovelace" + zeros(5) + "\x01",
		"length_beyond_end":   "\x01\x0fLovelace" + zeros(6),
		"length_too_long":     "\x01\x88\x00Lovelace" + zeros(5),
		"length_unterminated": "\x01" + strings.Repeat("\xff", 15),
		"length_of_16_mib":    "\x01\x81\x80\x80\x08" + zeros(11),
		"null_with_text":      "\x81\x08Lovelace" + zeros(6),
		"null_padded_with":    "\x81\x00Lovelace" + zeros(6),
	} {
		out["plaintext_"+name] = expecting(fault.Tampered, w.value(plain))
	}
	return out
}
