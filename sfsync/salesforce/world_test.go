package salesforce_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// Names and ids of the world that the tests run in.
const (
	loginHost    = "login.salesforce.com"
	instanceHost = "acme.my.salesforce.com"
	pubsubHost   = "api.pubsub.salesforce.com"
	orgID        = "00DAA00000000012AA"
	userID       = "005AA0000000001YAA"
	token        = "00DAA0000000001!CANARY93token"
)

var jwtKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// authority signs certificates for any host.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	leaf := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil)
	a.cert, a.key = leaf.Leaf, leaf.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

// issue makes a certificate for a host, changed by edit if there is one.
func (a *authority) issue(t testing.TB, host string, edit func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{DNSNames: []string{host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if edit != nil {
		edit(template)
	}
	return certificate(t, template, a)
}

func certificate(t testing.TB, template *x509.Certificate, by *authority) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// world is a set of servers under real host names.
type world struct {
	t      testing.TB
	ca     *authority
	signIn atomic.Int64 // sign-ins served
	token  func(w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	hosts map[string]string // host name -> loopback address
}

// newWorld has a login host that lets everyone in.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ca: newAuthority(t), hosts: map[string]string{}}
	w.token = func(rw http.ResponseWriter, r *http.Request) { json.NewEncoder(rw).Encode(w.answer()) }
	w.serve(loginHost, w.tls(loginHost), w.login())
	return w
}

func (w *world) login() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/oauth2/token", func(rw http.ResponseWriter, r *http.Request) {
		w.signIn.Add(1)
		w.token(rw, r)
	})
	return mux
}

// answer is a good answer of the token endpoint.
func (w *world) answer() map[string]string {
	return map[string]string{"access_token": token, "instance_url": "https://" + instanceHost,
		"id": "https://" + loginHost + "/id/" + orgID + "/" + userID, "scope": "api id", "token_type": "Bearer", "issued_at": "1700000000000"}
}

// tls is a good server configuration for a host.
func (w *world) tls(host string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{w.ca.issue(w.t, host, nil)}}
}

// serve answers for a host over TLS, or in clear text if conf is nil.
func (w *world) serve(host string, conf *tls.Config, handler http.Handler) {
	w.t.Helper()
	srv := &http.Server{Handler: handler, TLSConfig: conf, ErrorLog: log.New(io.Discard, "", 0)}
	if conf != nil && conf.CipherSuites != nil {
		srv.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // HTTP/2 wants suites of its own
	}
	l := w.listen(host)
	if conf == nil {
		go srv.Serve(l)
	} else {
		go srv.ServeTLS(l, "", "")
	}
	w.t.Cleanup(func() { srv.Close() })
}

func (w *world) listen(host string) net.Listener {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host] = l.Addr().String()
	return l
}

func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	to, ok := w.hosts[host]
	w.mu.Unlock()
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return (&net.Dialer{}).DialContext(ctx, network, to)
}

// config is a good configuration for this world.
func (w *world) config() salesforce.Config {
	return salesforce.Config{ConsumerKey: "CANARY93key", Username: "sync@example.com", Signer: jwtKey(),
		InstanceURL: "https://" + instanceHost, OrgID: orgID, Roots: map[string]*x509.CertPool{"": w.ca.pool}}
}

func (w *world) org(cfg salesforce.Config) *salesforce.Org {
	w.t.Helper()
	org, err := salesforce.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	org.Resolve(w.dial)
	org.Hurry()
	w.t.Cleanup(func() { org.Close() })
	return org
}
