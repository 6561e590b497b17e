package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// TestKeysDamagedPerson: what should be a person and is not is damage, and
// neither a panic nor another person.
func TestKeysDamagedPerson(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.db")
	keys, err := sqlite.OpenKeys(t.Context(), path)
	must(t, err)
	defer keys.Close()
	must(t, dial(t, path).Exec(`INSERT INTO alias VALUES (x'01', x'000102030405060708090a0b0c0d0e0f');
		INSERT INTO alias VALUES (x'f00102030405060708090a0b0c0d0e0f', x'02');
		INSERT INTO link VALUES ('801000000000001AAA', 'Order', x'03', 1)`))
	for what, ask := range map[string]func() error{
		"an alias": func() error {
			_, err := keys.Persons(t.Context(), crypto.Person{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, "")
			return err
		},
		"what it is an alias of": func() error {
			_, err := keys.Persons(t.Context(), crypto.Person{0xf0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, "")
			return err
		},
		"a link": func() error {
			_, err := keys.Persons(t.Context(), crypto.Person{}, "801000000000001AAA")
			return err
		},
	} {
		if err := ask(); fault.CodeOf(err) != fault.StoreDamaged {
			t.Errorf("%s: %v, want %s", what, err, fault.StoreDamaged)
		}
	}
}
