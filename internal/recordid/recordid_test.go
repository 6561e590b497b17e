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
