package salesforcetest_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// clock is an org's time, which a test moves.
type clock struct{ unix atomic.Int64 }

func newClock(t time.Time) *clock {
	c := &clock{}
	c.unix.Store(t.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.unix.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.unix.Add(int64(d)) }

// client is an org and what is needed to talk to it as a stranger would.
type client struct {
	*salesforcetest.Org
	t     testing.TB
	http  *http.Client
	token string
}

func newClient(t testing.TB, cfg salesforcetest.Config) *client {
	t.Helper()
	org, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := org.Close(); err != nil {
			t.Error(err)
		}
	})
	return connect(t, org)
}

func connect(t testing.TB, org *salesforcetest.Org) *client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: org.Roots()}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{Org: org, t: t, http: &http.Client{Transport: transport}, token: org.AccessToken()}
}

// do sends a request to My Domain and returns status, header and body.
func (c *client) do(method, path string, body any, headers ...string) (int, http.Header, []byte) {
	c.t.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.InstanceURL()+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, raw
}

// get reads JSON of a status 200 into a value.
func (c *client) get(path string, into any) {
	c.t.Helper()
	status, _, body := c.do("GET", path, nil)
	c.decode(status, body, into)
}

func (c *client) decode(status int, body []byte, into any) {
	c.t.Helper()
	if status != 200 {
		c.t.Fatalf("%d %s", status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		c.t.Fatalf("%v in %s", err, body)
	}
}

type page struct {
	TotalSize      int              `json:"totalSize"`
	Done           bool             `json:"done"`
	NextRecordsURL string           `json:"nextRecordsUrl"`
	Records        []map[string]any `json:"records"`
}

func (c *client) query(soql string) page {
	c.t.Helper()
	var p page
	c.get("/services/data/v67.0/query?q="+url.QueryEscape(soql), &p)
	return p
}

// form posts to a token endpoint.
func (c *client) form(address string, values url.Values) (int, map[string]any) {
	c.t.Helper()
	resp, err := c.http.PostForm(address, values)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var m map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, m
}

// assertion signs JWT claims with the key file.
func (c *client) assertion(claims map[string]any) string {
	c.t.Helper()
	raw, err := os.ReadFile(c.Getenv("SFSYNC_JWT_KEY_FILE"))
	if err != nil {
		c.t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		c.t.Fatal(err)
	}
	body, _ := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		c.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	claims := func(change map[string]any) map[string]any {
		m := map[string]any{"iss": c.ConsumerKey(), "sub": c.Username(), "aud": c.LoginURL(), "exp": time.Now().Add(time.Minute).Unix()}
		for k, v := range change {
			m[k] = v
		}
		return m
	}
	jwt := func(change map[string]any) url.Values {
		return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {c.assertion(claims(change))}}
	}
	credentials := func(secret string) url.Values {
		return url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ConsumerKey()}, "client_secret": {secret}}
	}
	forged := jwt(nil)
	forged.Set("assertion", forged.Get("assertion")[:len(forged.Get("assertion"))-4]+"AAAA")
	tests := []struct {
		name        string
		url         string
		form        url.Values
		error       string
		description string
	}{
		{"jwt", c.LoginURL(), jwt(nil), "", ""},
		{"jwt on my domain", c.InstanceURL(), jwt(map[string]any{"aud": c.InstanceURL()}), "", ""},
		{"jwt for the public login host", c.LoginURL(), jwt(map[string]any{"aud": "https://login.salesforce.com"}), "", ""},
		{"exp in milliseconds", c.LoginURL(), jwt(map[string]any{"exp": time.Now().Add(time.Minute).UnixMilli()}), "", ""},
		{"exp as text", c.LoginURL(), jwt(map[string]any{"exp": fmt.Sprint(time.Now().Add(4 * time.Minute).Unix())}), "", ""},
		{"exp too late", c.LoginURL(), jwt(map[string]any{"exp": time.Now().Add(6 * time.Minute).Unix()}), "invalid_grant", "invalid assertion"},
		{"exp too far", c.LoginURL(), jwt(map[string]any{"exp": time.Now().Add(time.Hour).Unix()}), "invalid_grant", "invalid assertion"},
		{"expired", c.LoginURL(), jwt(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), "invalid_grant", "invalid assertion"},
		{"wrong audience", c.LoginURL(), jwt(map[string]any{"aud": "https://example.com"}), "invalid_grant", "audience is invalid"},
		{"another user", c.LoginURL(), jwt(map[string]any{"sub": "x@example.com"}), "invalid_grant", "user hasn't approved this consumer"},
		{"another app", c.LoginURL(), jwt(map[string]any{"iss": "3MVG9"}), "invalid_client_id", "client identifier invalid"},
		{"bad signature", c.LoginURL(), forged, "invalid_grant", "invalid assertion"},
		{"client credentials", c.InstanceURL(), credentials(c.ClientSecret()), "", ""},
		{"client credentials on the login host", c.LoginURL(), credentials(c.ClientSecret()), "invalid_grant", "request not supported on this domain"},
		{"wrong secret", c.InstanceURL(), credentials("x"), "invalid_client", "invalid client credentials"},
		{"unknown grant", c.InstanceURL(), url.Values{"grant_type": {"device"}}, "unsupported_grant_type", "grant type not supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := c.form(tt.url+"/services/oauth2/token", tt.form)
			if tt.error != "" {
				if status != 400 || body["error"] != tt.error || body["error_description"] != tt.description {
					t.Fatalf("got %d %v", status, body)
				}
				return
			}
			token, _ := body["access_token"].(string)
			if status != 200 || !strings.HasPrefix(token, c.OrgID()[:15]+"!") || body["instance_url"] != c.InstanceURL() ||
				body["expires_in"] != nil || body["id"] != c.LoginURL()+"/id/"+c.OrgID()+"/"+c.UserID() {
				t.Fatalf("got %d %v", status, body)
			}
			if _, ok := body["issued_at"].(string); !ok {
				t.Errorf("issued_at is no string: %v", body["issued_at"])
			}
			c.token = token
			if p := c.query("SELECT count() FROM User"); p.TotalSize != 1 {
				t.Errorf("the token reads %d users", p.TotalSize)
			}
		})
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	basic := url.Values{"client_id": {c.ConsumerKey()}, "client_secret": {c.ClientSecret()}, "token": {c.token}}
	if _, body := c.form(c.InstanceURL()+"/services/oauth2/introspect", basic); body["active"] != true {
		t.Fatalf("introspection of a live token: %v", body)
	}
	resp, err := c.http.PostForm(c.InstanceURL()+"/services/oauth2/revoke", url.Values{"token": {c.token}})
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	if status, body := c.form(c.InstanceURL()+"/services/oauth2/introspect", basic); status != 200 || body["active"] != false {
		t.Errorf("introspection of a dead token: %v", body)
	}
	status, _, body := c.do("GET", "/services/data/v67.0/limits", nil)
	if want := `[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`; status != 401 || string(body) != want {
		t.Errorf("data API: %d %s", status, body)
	}
	status, h, body := c.do("GET", "/services/oauth2/userinfo", nil)
	if status != 403 || string(body) != "Bad_OAuth_Token" || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
		t.Errorf("userinfo: %d %s", status, body)
	}
	c.RevokeUser()
	if status, body := c.form(c.InstanceURL()+"/services/oauth2/token", url.Values{"grant_type": {"client_credentials"},
		"client_id": {c.ConsumerKey()}, "client_secret": {c.ClientSecret()}}); status != 400 || body["error"] != "inactive_user" {
		t.Errorf("sign-in of a revoked user: %d %v", status, body)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	u, _ := url.Parse(c.InstanceURL())
	port := u.Port()
	tests := []struct {
		name   string
		config *tls.Config
		ok     bool
	}{
		{"1.3 as localhost", &tls.Config{RootCAs: c.Roots(), ServerName: "localhost"}, true},
		{"1.3 as 127.0.0.1", &tls.Config{RootCAs: c.Roots(), ServerName: "127.0.0.1"}, true},
		{"1.3 as a name below localhost", &tls.Config{RootCAs: c.Roots(), ServerName: "acme.localhost"}, true},
		{"1.2", &tls.Config{RootCAs: c.Roots(), ServerName: "localhost", MaxVersion: tls.VersionTLS12}, false},
		{"another name", &tls.Config{RootCAs: c.Roots(), ServerName: "example.com"}, false},
		{"another authority", &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", "127.0.0.1:"+port, tt.config)
			if err == nil {
				conn.Close()
			}
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
	raw, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !ca.PermittedDNSDomainsCritical || fmt.Sprint(ca.PermittedDNSDomains) != "[localhost]" || len(ca.PermittedIPRanges) != 2 {
		t.Errorf("the authority may vouch for %v %v", ca.PermittedDNSDomains, ca.PermittedIPRanges)
	}
}
