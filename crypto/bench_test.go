package crypto_test

import (
	"fmt"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
)

// record8 are eight fields as a contact has them.
func record8(record string) (fields []crypto.Field, texts [][]byte) {
	for i, name := range []string{"FirstName", "LastName", "Email", "MobilePhone", "MailingStreet", "MailingCity", "MailingPostalCode", "Title"} {
		fields = append(fields, crypto.Field{Object: "Contact", Record: record, Name: name, Type: 1})
		texts = append(texts, fmt.Appendf(nil, "%024d", i))
	}
	return fields, texts
}

// BenchmarkSeal seals a record of eight fields of 24 bytes, warm, beside Tink's
// own primitive on the same fields, texts and associated data.
func BenchmarkSeal(b *testing.B) {
	e := newEnv(b)
	batch := e.begin()
	s := e.subject(batch, contact(1))
	fields, texts := record8(contact(1).Record)
	b.Run("sfsync", func(b *testing.B) {
		dst := make([]byte, 0, 4096)
		b.ReportAllocs()
		for b.Loop() {
			dst = dst[:0]
			for i, f := range fields {
				var err error
				if dst, err = batch.Seal(dst, s, f, false, texts[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("tink", func(b *testing.B) {
		h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
		if err != nil {
			b.Fatal(err)
		}
		primitive, err := aead.New(h)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			for i, f := range fields {
				plain := crypto.AppendPadded(nil, 1, texts[i], false)
				if _, err := primitive.Encrypt(plain, crypto.FieldTuple(nil, e.vault.OrgID(), s.Person(), f, s.Key())); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkOpen opens the eight fields of a record, recorded, as one reveal.
func BenchmarkOpen(b *testing.B) {
	e := newEnv(b)
	batch := e.begin()
	s := e.subject(batch, contact(1))
	fields, texts := record8(contact(1).Record)
	use := crypto.Use{Actor: "b", Object: "Contact", Record: contact(1).Record}
	var sealed []crypto.Sealed
	for i, f := range fields {
		bytes, err := batch.Seal(nil, s, f, false, texts[i])
		if err != nil {
			b.Fatal(err)
		}
		sealed = append(sealed, crypto.Sealed{Person: s.Person(), Field: f, Bytes: bytes})
		use.Fields = append(use.Fields, f.Name)
	}
	o := e.opener()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Open(b.Context(), use, sealed...); err != nil {
			b.Fatal(err)
		}
	}
}

func manyWants(start, n int) []crypto.Want {
	wants := make([]crypto.Want, n)
	for i := range wants {
		id, _ := recordid.Normalize(fmt.Sprintf("003%012d", start+i))
		wants[i].Record = crypto.Link{Object: "Contact", Record: id}
	}
	return wants
}

// BenchmarkSubjects asks for the persons of a thousand records: new ones, ready
// and durable in SQLite, and ones that memory holds.
func BenchmarkSubjects(b *testing.B) {
	const size = 1000
	b.Run("new", func(b *testing.B) {
		e := newEnv(b)
		n := 0
		for b.Loop() {
			b.StopTimer()
			wants := manyWants(n, size)
			b.StartTimer()
			if _, err := e.begin().Subjects(b.Context(), wants); err != nil {
				b.Fatal(err)
			}
			n += size
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "persons/s")
	})
	for name, all := range map[string]int{"held": size, "stored": 50_000} {
		b.Run(name, func(b *testing.B) {
			e := newEnv(b)
			wants := manyWants(0, all)
			if _, err := e.begin().Subjects(b.Context(), wants); err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				at := n % all
				if _, err := e.begin().Subjects(b.Context(), wants[at:at+size]); err != nil {
					b.Fatal(err)
				}
				n += size
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "persons/s")
		})
	}
}
