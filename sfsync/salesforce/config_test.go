package salesforce_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

func TestNewChecks(t *testing.T) {
	t.Parallel()
	var weak *rsa.PrivateKey
	var err error
	// A process in FIPS-only mode makes no key as short as this one.
	fips140.WithoutEnforcement(func() { weak, err = rsa.GenerateKey(rand.Reader, 1024) })
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	except := func(e salesforce.TLS12Exception) func(*salesforce.Config) {
		return func(c *salesforce.Config) { c.TLS12 = []salesforce.TLS12Exception{e} }
	}
	soon := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name string
		edit func(*salesforce.Config)
		want string // part of the fault, or "" for none
	}{
		{"good", func(c *salesforce.Config) {}, ""},
		{"15-character org id", func(c *salesforce.Config) { c.OrgID = orgID[:15] }, ""},
		{"closing slash", func(c *salesforce.Config) { c.InstanceURL = "https://acme.my.salesforce.com/" }, ""},
		{"login over http", func(c *salesforce.Config) { c.LoginURL = "http://login.salesforce.com" }, "LoginURL"},
		{"login with a path", func(c *salesforce.Config) { c.LoginURL = "https://login.salesforce.com/services" }, "LoginURL"},
		{"login with credentials", func(c *salesforce.Config) { c.LoginURL = "https://a:CANARY93@login.salesforce.com" }, "LoginURL"},
		{"instance without scheme", func(c *salesforce.Config) { c.InstanceURL = "acme.my.salesforce.com" }, "InstanceURL"},
		{"endpoint without port", func(c *salesforce.Config) { c.PubSubEndpoint = "api.pubsub.salesforce.com" }, "PubSubEndpoint"},
		{"API version", func(c *salesforce.Config) { c.APIVersion = "v67" }, "APIVersion"},
		{"user id for org id", func(c *salesforce.Config) { c.OrgID = userID }, "OrgID"},
		{"no consumer key", func(c *salesforce.Config) { c.ConsumerKey = "" }, "ConsumerKey"},
		{"no credentials", func(c *salesforce.Config) { c.Signer = nil }, "give a Signer"},
		{"short key", func(c *salesforce.Config) { c.Signer = weak }, "Signer"},
		{"key of another kind", func(c *salesforce.Config) { c.Signer = curve }, "Signer"},
		{"no user name", func(c *salesforce.Config) { c.Username = "" }, "Username"},
		{"client credentials without My Domain", func(c *salesforce.Config) {
			c.Signer, c.InstanceURL, c.ClientSecret = nil, "", salesforce.NewSecret("CANARY93")
		}, "InstanceURL"},
		{"audience of a sandbox", func(c *salesforce.Config) { c.Audience = "https://test.salesforce.com" }, "Audience"},
		{"audience of the login URL", func(c *salesforce.Config) { c.Audience = "https://login.salesforce.com" }, ""},
		{"sandbox My Domain", func(c *salesforce.Config) {
			c.LoginURL, c.Audience = "https://acme--dev.sandbox.my.salesforce.com", "https://test.salesforce.com"
		}, ""},
		{"sandbox My Domain, production audience", func(c *salesforce.Config) {
			c.LoginURL, c.Audience = "https://acme--dev.sandbox.my.salesforce.com", "https://login.salesforce.com"
		}, "Audience"},
		{"proxy", func(c *salesforce.Config) { c.Proxy = &salesforce.Proxy{URL: "http://proxy:3128"} }, ""},
		{"proxy with credentials in its URL", func(c *salesforce.Config) { c.Proxy = &salesforce.Proxy{URL: "https://a:CANARY93@proxy:3128"} }, "Proxy"},
		{"proxy password in clear text", func(c *salesforce.Config) {
			c.Proxy = &salesforce.Proxy{URL: "http://proxy:3128", Username: "a", Password: salesforce.NewSecret("CANARY93")}
		}, "Proxy"},
		{"SOCKS proxy", func(c *salesforce.Config) { c.Proxy = &salesforce.Proxy{URL: "socks5://proxy:1080"} }, "Proxy"},
		{"pin with a port", func(c *salesforce.Config) { c.Pins = map[string][][32]byte{instanceHost + ":443": {{1}}} }, "Pins"},
		{"pin for all hosts", func(c *salesforce.Config) { c.Pins = map[string][][32]byte{"": {{1}}} }, "Pins"},
		{"roots in upper case", func(c *salesforce.Config) { c.Roots = map[string]*x509.CertPool{"ACME.my.salesforce.com": nil} }, "Roots"},
		{"exception", except(salesforce.TLS12Exception{Host: instanceHost, Reason: "x", Until: soon}), ""},
		{"exception for all hosts", except(salesforce.TLS12Exception{Host: "*.salesforce.com", Reason: "x", Until: soon}), "TLS12"},
		{"exception without reason", except(salesforce.TLS12Exception{Host: instanceHost, Reason: " ", Until: soon}), "TLS12"},
		{"exception that has ended", except(salesforce.TLS12Exception{Host: instanceHost, Reason: "x", Until: time.Now()}), "TLS12"},
		{"exception for a year", except(salesforce.TLS12Exception{Host: instanceHost, Reason: "x", Until: time.Now().AddDate(1, 0, 0)}), "TLS12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := salesforce.Config{ConsumerKey: "key", Username: "sync@example.com", Signer: jwtKey(), InstanceURL: "https://" + instanceHost}
			c.edit(&cfg)
			org, err := salesforce.New(cfg)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				org.Close()
				return
			}
			if !errors.Is(err, fault.ConfigInvalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY93") {
				t.Errorf("err = %v, want config_invalid with %q", err, c.want)
			}
		})
	}
}

func TestNewRefusesHTTP2Debug(t *testing.T) {
	t.Setenv("GODEBUG", "netdns=go,http2debug=2")
	_, err := salesforce.New(salesforce.Config{ConsumerKey: "key", Username: "u", Signer: jwtKey()})
	if !errors.Is(err, fault.ConfigInvalid) || !strings.Contains(err.Error(), "http2debug") {
		t.Errorf("err = %v", err)
	}
}

// TestNothingPrints prints whatever holds a secret in every usual way.
func TestNothingPrints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config()
	cfg.ClientSecret = salesforce.NewSecret("CANARY93secret")
	mine := w.ca.issue(t, "sync.example.com", nil)
	cfg.Certificate = &mine
	cfg.ConsumerKey, cfg.Signer = "key", openSigner{jwtKey(), "CANARY93pin"}
	org := w.org(cfg)
	var event salesforce.Event
	org.Observe(func(e salesforce.Event) { event = e })
	id, err := org.SignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	private := jwtKey().D.String()[:20]
	loaded, err := salesforce.LoadSigner(keyFile(t, "PRIVATE KEY", pkcs8(t, jwtKey())))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"Config": cfg, "*Config": &cfg, "Secret": cfg.ClientSecret, "in a map": map[string]any{"s": cfg.ClientSecret, "c": cfg},
		"in a struct": struct{ s salesforce.Secret }{cfg.ClientSecret}, "Org": org,
		"Event": event, "Identity": id, "Signer": loaded, "in a slice": []any{loaded, cfg.ClientSecret}} {
		var b strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&b, verb, v)
		}
		if name != "Org" && !strings.Contains(name, "struct") { // encoders do not reach unexported fields, and Org has no others
			text, _ := json.Marshal(v)
			b.Write(text)
		}
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		if text := b.String(); strings.Contains(text, "CANARY93") || strings.Contains(text, private) || strings.Contains(text, fmt.Sprintf("%x", "CANARY93")) {
			t.Errorf("%s prints a secret", name)
		}
	}
}

// openSigner is a signer that prints what it holds, as one for an HSM might.
type openSigner struct {
	crypto.Signer
	PIN string
}

func TestLoadSigner(t *testing.T) {
	t.Parallel()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		path string
		ok   bool
	}{
		{"PKCS 8", keyFile(t, "PRIVATE KEY", pkcs8(t, jwtKey())), true},
		{"PKCS 1", keyFile(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(jwtKey())), true},
		{"another kind", keyFile(t, "PRIVATE KEY", pkcs8(t, curve)), false},
		{"not a key", keyFile(t, "PRIVATE KEY", []byte("CANARY93")), false},
		{"not PEM", write(t, []byte("CANARY93")), false},
		{"no file", filepath.Join(t.TempDir(), "CANARY93"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			signer, err := salesforce.LoadSigner(c.path)
			if c.ok != (err == nil) || c.ok && !jwtKey().PublicKey.Equal(signer.Public()) {
				t.Errorf("err = %v", err)
			}
			if err != nil && (!errors.Is(err, fault.ConfigInvalid) || strings.Contains(err.Error(), "CANARY93")) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve(instanceHost, w.tls(instanceHost), w.login())
	ca := write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.cert.Raw}))
	mine := w.ca.issue(t, "sync.example.com", nil)
	env := map[string]string{"SFSYNC_LOGIN_URL": "https://" + loginHost, "SFSYNC_INSTANCE_URL": "https://" + instanceHost, "SFSYNC_ORG_ID": orgID,
		"SFSYNC_CONSUMER_KEY": "CANARY93key", "SFSYNC_USERNAME": "sync@example.com", "SFSYNC_CA_FILE": ca}
	both := map[string]string{"SFSYNC_JWT_KEY_FILE": keyFile(t, "PRIVATE KEY", pkcs8(t, jwtKey())), "SFSYNC_CLIENT_SECRET": "CANARY93secret"}
	for _, c := range []struct {
		name string
		more map[string]string
		want string // part of the fault, or "" for a sign-in
	}{
		{"JWT", map[string]string{"SFSYNC_JWT_KEY_FILE": both["SFSYNC_JWT_KEY_FILE"]}, ""},
		{"client credentials", map[string]string{"SFSYNC_CLIENT_SECRET": "CANARY93secret"}, ""},
		{"both", both, ""},
		{"client certificate", map[string]string{"SFSYNC_CLIENT_SECRET": "x", "SFSYNC_TLS_KEY_FILE": keyFile(t, "PRIVATE KEY", pkcs8(t, mine.PrivateKey.(crypto.Signer))),
			"SFSYNC_TLS_CERT_FILE": write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Certificate[0]}))}, ""},
		{"half a client certificate", map[string]string{"SFSYNC_TLS_CERT_FILE": ca}, "SFSYNC_TLS_KEY_FILE"},
		{"no key file", map[string]string{"SFSYNC_JWT_KEY_FILE": "CANARY93"}, "key file"},
		{"no CA file", map[string]string{"SFSYNC_CA_FILE": "CANARY93"}, "SFSYNC_CA_FILE"},
		{"no CA in the file", map[string]string{"SFSYNC_CA_FILE": both["SFSYNC_JWT_KEY_FILE"]}, "no certificate"},
		{"neither", nil, "give a Signer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := salesforce.FromEnv(func(name string) string {
				if v, ok := c.more[name]; ok {
					return v
				}
				return env[name]
			})
			if err == nil {
				var org *salesforce.Org
				if org, err = salesforce.New(cfg); err == nil {
					defer org.Close()
					org.Resolve(w.dial)
					err = signIn(org)
				}
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY93")) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}

func pkcs8(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func keyFile(t *testing.T, kind string, der []byte) string {
	t.Helper()
	return write(t, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
