package recordid_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/internal/recordid"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		ok             bool
	}{
		{"captured account", "001Dp00000JJkkHIAT", "001Dp00000JJkkHIAT", true},
		{"captured account, 15", "001Dp00000JJkkH", "001Dp00000JJkkHIAT", true},
		{"captured user, 15", "005Dp000000Ppjs", "005Dp000000PpjsIAC", true},
		{"wrong suffix", "001Dp00000JJkkHIAC", "", false},
		{"overflow key", "000000000000000AAA", "", false},
		{"wildcard", "001*", "", false},
		{"empty", "", "", false},
		{"16 characters", "001Dp00000JJkkHI", "", false},
		{"not alphanumeric", "001Dp00000JJkk-", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := recordid.Normalize(c.in)
			if ok != c.ok || ok && got != c.want {
				t.Errorf("Normalize(%q) = %q, %v; want %q, %v", c.in, got, ok, c.want, c.ok)
			}
		})
	}
}

// FuzzNormalize: what it returns is Valid and begins with the 15 characters that
// it was given, and neither it nor its 15 characters have another form.
func FuzzNormalize(f *testing.F) {
	for _, id := range []string{"001Dp00000JJkkHIAT", "005Dp000000Ppjs", "001Dp00000JJkkHIAC", "001Dp00000JJkkHIBT", "001Dp00000JJkkHAAT", "000000000000000AAA", "001*", "", "001Dp00000JJkk-", "\xff01Dp00000JJkkHIAT"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		got, ok := recordid.Normalize(id)
		if valid := recordid.Valid([]byte(id)); valid != (ok && len(id) == 18) {
			t.Errorf("Valid(%q) = %v, and Normalize says %v", id, valid, ok)
		}
		if !ok {
			if got != "" {
				t.Errorf("Normalize(%q) = %q, which is no id", id, got)
			}
			return
		}
		if !recordid.Valid([]byte(got)) || got[:15] != id[:15] {
			t.Errorf("Normalize(%q) = %q", id, got)
		}
		for _, form := range []string{got, got[:15]} {
			if again, ok := recordid.Normalize(form); !ok || again != got {
				t.Errorf("Normalize(%q) = %q, and Normalize(%q) = %q, %v", id, got, form, again, ok)
			}
		}
	})
}
