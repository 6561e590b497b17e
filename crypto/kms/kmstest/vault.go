package kmstest

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Vault is a fake of HashiCorp Vault with a transit engine:
// /v1/transit/encrypt/:name and decrypt/:name (Vault HTTP API, "Transit secrets
// engine").
type Vault struct {
	Service
	URL string
	TLS *tls.Config
}

// NewVault starts a fake that ends with the test.
func NewVault(t testing.TB) *Vault {
	v := &Vault{}
	server, client := serve(t, v)
	v.URL, v.TLS = server.URL, client
	return v
}

// vaultErrors are statuses of Vault HTTP API, "HTTP status codes". A deleted
// transit key is one that is not found, which the engine answers with 400.
var vaultErrors = map[State]struct {
	status int
	text   string
}{
	Throttled:       {http.StatusTooManyRequests, "request path: rate limit quota exceeded"},
	Away:            {http.StatusServiceUnavailable, "Vault is sealed"},
	PendingDeletion: {http.StatusBadRequest, "encryption key not found"},
}

func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct {
		Plaintext      []byte `json:"plaintext"`
		Ciphertext     string `json:"ciphertext"`
		AssociatedData []byte `json:"associated_data"`
	}
	operation, name, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil || !ok || r.Header.Get("X-Vault-Token") == "" {
		vaultFail(w, http.StatusForbidden, "permission denied")
		return
	}
	key, state := v.use(name, call.AssociatedData)
	switch e, bad := vaultErrors[state]; {
	case state == Silent:
		<-r.Context().Done()
	case bad:
		vaultFail(w, e.status, e.text)
	case operation == "encrypt":
		sealed := v.encrypt(key, call.Plaintext, call.AssociatedData)
		vaultAnswer(w, map[string]any{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(sealed)})
	default:
		sealed, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(call.Ciphertext, "vault:v1:"))
		if err == nil && strings.HasPrefix(call.Ciphertext, "vault:v1:") {
			if sealed, err = v.decrypt(key, sealed, call.AssociatedData); err == nil {
				vaultAnswer(w, map[string]any{"plaintext": sealed})
				return
			}
		}
		vaultFail(w, http.StatusBadRequest, "cipher: message authentication failed")
	}
}

func vaultAnswer(w http.ResponseWriter, data map[string]any) {
	json.NewEncoder(w).Encode(map[string]any{"data": data})
}

func vaultFail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []string{text}})
}
