//go:build goexperiment.runtimesecret

package crypto

import (
	"runtime/secret"
	"testing"
)

// TestSecretly: the rest of the tests show that nothing works otherwise inside.
func TestSecretly(t *testing.T) {
	inside := false
	secretly(func() { inside = secret.Enabled() })
	if !inside || secret.Enabled() {
		t.Errorf("erasing is on inside: %v, outside: %v", inside, secret.Enabled())
	}
}
