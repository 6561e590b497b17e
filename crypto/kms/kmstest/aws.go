package kmstest

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// AWS is a fake of AWS KMS: the JSON 1.1 protocol, operations
// TrentService.Encrypt and TrentService.Decrypt (AWS KMS API Reference).
type AWS struct {
	Service
	URL string
	TLS *tls.Config
}

// NewAWS starts a fake that ends with the test.
func NewAWS(t testing.TB) *AWS {
	a := &AWS{}
	server, client := serve(t, a)
	a.URL, a.TLS = server.URL, client
	return a
}

type awsCall struct {
	KeyId                     string
	Plaintext, CiphertextBlob []byte
	EncryptionContext         map[string]string
}

// awsErrors are the names and statuses of AWS KMS API Reference, "Encrypt, Errors".
var awsErrors = map[State]struct {
	status int
	name   string
}{
	Throttled:       {http.StatusBadRequest, "ThrottlingException"},
	Away:            {http.StatusInternalServerError, "KMSInternalException"},
	PendingDeletion: {http.StatusBadRequest, "KMSInvalidStateException"},
}

func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call awsCall
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		awsFail(w, http.StatusBadRequest, "SerializationException")
		return
	}
	key, state := a.use(call.KeyId, awsContext(call.EncryptionContext))
	switch e, bad := awsErrors[state]; {
	case state == Silent:
		<-r.Context().Done()
	case bad:
		awsFail(w, e.status, e.name)
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Encrypt"):
		sealed := a.encrypt(key, call.Plaintext, awsContext(call.EncryptionContext))
		awsAnswer(w, map[string]any{"KeyId": call.KeyId, "CiphertextBlob": sealed, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	default:
		plaintext, err := a.decrypt(key, call.CiphertextBlob, awsContext(call.EncryptionContext))
		if err != nil {
			awsFail(w, http.StatusBadRequest, "InvalidCiphertextException")
			return
		}
		awsAnswer(w, map[string]any{"KeyId": call.KeyId, "Plaintext": plaintext, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	}
}

// awsContext are the bytes of an encryption context, as CloudTrail shows them.
func awsContext(pairs map[string]string) (text []byte) {
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		text = append(text, name+"="+pairs[name]+"\n"...)
	}
	return text
}

func awsAnswer(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	json.NewEncoder(w).Encode(answer)
}

func awsFail(w http.ResponseWriter, status int, name string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"__type": name, "message": name})
}
