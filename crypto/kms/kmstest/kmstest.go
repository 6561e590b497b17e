// Package kmstest has fakes of three key services, each a TLS server that
// speaks the service's wire: [AWS], [GoogleCloud] and [Vault]. They are fakes:
// keys are in memory, anybody may use them, and only encrypt and decrypt exist.
//
// The rule it keeps: a fake answers as the service's documentation says, down
// to the code of an error, and never more kindly.
package kmstest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// State is what is the matter with a service's key.
type State int

const (
	// Enabled: nothing is.
	Enabled State = iota
	// Throttled: too many calls.
	Throttled
	// Away: the service has an outage.
	Away
	// PendingDeletion: the key is scheduled for deletion.
	PendingDeletion
	// Silent: the service takes a call and does not answer.
	Silent
)

// Service is what the fakes have in common.
type Service struct {
	// IgnoresAssociatedData makes it a service that does not know such data.
	IgnoresAssociatedData bool

	mu    sync.Mutex
	state State
	calls int
	seen  [][]byte
	keys  map[string]cipher.AEAD
}

// Is puts the service into a state.
func (s *Service) Is(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// Calls is how often it was called.
func (s *Service) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Logged is the associated data of all calls, as an audit log would show it.
func (s *Service) Logged() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

var errDecrypt = errors.New("kmstest: does not decrypt")

// use counts a call and returns the key of that name.
func (s *Service) use(name string, associated []byte) (cipher.AEAD, State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.seen = append(s.seen, associated)
	if s.keys == nil {
		s.keys = map[string]cipher.AEAD{}
	}
	if s.keys[name] == nil {
		s.keys[name] = newKey()
	}
	return s.keys[name], s.state
}

func newKey() cipher.AEAD {
	raw := make([]byte, 32)
	rand.Read(raw)
	block, err := aes.NewCipher(raw)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func (s *Service) place(associated []byte) []byte {
	if s.IgnoresAssociatedData {
		return nil
	}
	return associated
}

func (s *Service) encrypt(key cipher.AEAD, plaintext, associated []byte) []byte {
	return key.Seal(nil, nil, plaintext, s.place(associated))
}

func (s *Service) decrypt(key cipher.AEAD, ciphertext, associated []byte) ([]byte, error) {
	plaintext, err := key.Open(nil, nil, ciphertext, s.place(associated))
	if err != nil {
		return nil, errDecrypt
	}
	return plaintext, nil
}

// serve starts a TLS 1.3 server; client trusts it and nobody else.
func serve(t testing.TB, handler http.Handler) (server *httptest.Server, client *tls.Config) {
	server = httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that go during a handshake
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return server, &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}
}
