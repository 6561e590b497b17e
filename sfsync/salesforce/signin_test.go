package salesforce_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

func TestSignInJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.token
	w.token = func(rw http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
			t.Errorf("grant type %q", r.PostFormValue("grant_type"))
		}
		checkAssertion(t, r.PostFormValue("assertion"))
		good(rw, r)
	}
	org := w.org(w.config())
	var events []salesforce.Event
	org.Observe(func(e salesforce.Event) { events = append(events, e) })
	id, err := org.SignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if id.OrgID != orgID || id.UserID != userID || id.InstanceURL != "https://"+instanceHost || len(id.Scopes) != 2 || !strings.HasPrefix(id.TLS, "TLS 1.3 ") {
		t.Errorf("identity = %+v", id)
	}
	if _, err := org.SignIn(t.Context()); err != nil || w.signIn.Load() != 1 {
		t.Errorf("a second SignIn: %v, %d sign-ins; want the session held", err, w.signIn.Load())
	}
	if len(events) != 1 || events[0].Kind != salesforce.SignedIn || events[0].Identity.UserID != userID {
		t.Errorf("events = %+v", events)
	}
}

func checkAssertion(t *testing.T, assertion string) {
	t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	b64 := base64.RawURLEncoding
	signature, _ := b64.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&jwtKey().PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Error("signature:", err)
	}
	header, _ := b64.DecodeString(parts[0])
	if string(header) != `{"alg":"RS256"}` {
		t.Errorf("header %s", header)
	}
	payload, _ := b64.DecodeString(parts[1])
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Error(err)
	}
	left := time.Until(time.Unix(claims.Exp, 0))
	if claims.Iss != "CANARY93key" || claims.Sub != "sync@example.com" || claims.Aud != "https://"+loginHost || left <= time.Minute || left > 3*time.Minute {
		t.Errorf("claims %+v", claims)
	}
}

func TestSignInClientCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.token
	w.token = func(rw http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("client_secret") != "CANARY93secret" || r.URL.RawQuery != "" {
			t.Errorf("form %v", r.PostForm)
		}
		good(rw, r)
	}
	w.serve(instanceHost, w.tls(instanceHost), w.login())
	w.serve(loginHost, w.tls(loginHost), http.NotFoundHandler()) // must not be asked
	cfg := w.config()
	cfg.Signer, cfg.ClientSecret = nil, salesforce.NewSecret("CANARY93secret")
	if err := signIn(w.org(cfg)); err != nil {
		t.Error(err)
	}
}

// TestSignInAnswers holds each kind of answer of the token endpoint against
// what must become of it.
func TestSignInAnswers(t *testing.T) {
	t.Parallel()
	answer := func(changes map[string]string) func(*world) (int, string) {
		return func(w *world) (int, string) {
			a := w.answer()
			maps.Copy(a, changes)
			body, _ := json.Marshal(a)
			return 200, string(body)
		}
	}
	says := func(status int, body string) func(*world) (int, string) {
		return func(*world) (int, string) { return status, body }
	}
	open := func(c *salesforce.Config) { c.InstanceURL, c.OrgID = "", "" }
	for _, c := range []struct {
		name   string
		edit   func(*salesforce.Config)
		answer func(*world) (int, string)
		want   error
		calls  int64
	}{
		{"good", nil, answer(nil), nil, 1},
		{"good, nothing configured", open, answer(nil), nil, 1},
		{"token in another form", nil, answer(map[string]string{"access_token": "eyJhbGciOi.J9.x"}), nil, 1},
		{"another org", nil, answer(map[string]string{"id": "https://login.salesforce.com/id/00DAA0000000002/" + userID, "access_token": "00DAA0000000002!x"}), fault.WrongOrg, 1},
		{"token of another org", nil, answer(map[string]string{"access_token": "00DAA0000000002!x"}), fault.ResponseInvalid, 1},
		{"another instance", nil, answer(map[string]string{"instance_url": "https://evil.my.salesforce.com"}), fault.HostRefused, 1},
		{"instance over http", nil, answer(map[string]string{"instance_url": "http://" + instanceHost}), fault.HostRefused, 1},
		{"instance with a path", nil, answer(map[string]string{"instance_url": "https://" + instanceHost + "/x"}), fault.HostRefused, 1},
		{"instance elsewhere, none configured", open, answer(map[string]string{"instance_url": "https://my.salesforce.com.evil.example.com"}), fault.HostRefused, 1},
		{"instance with a port, none configured", open, answer(map[string]string{"instance_url": "https://acme.my.salesforce.com:8443"}), fault.HostRefused, 1},
		{"no identity", nil, answer(map[string]string{"id": ""}), fault.ResponseInvalid, 1},
		{"user in place of the org", nil, answer(map[string]string{"id": "https://x/id/" + userID + "/" + userID}), fault.ResponseInvalid, 1},
		{"token with a line break", nil, answer(map[string]string{"access_token": "00DAA0000000001!x\r\nX: y"}), fault.ResponseInvalid, 1},
		{"no token", nil, says(200, `{"CANARY93":1}`), fault.ResponseInvalid, 1},
		{"a web page", nil, says(200, `<html>CANARY93</html>`), fault.ResponseInvalid, 1},
		{"too long", nil, says(200, `{"x":"`+strings.Repeat("CANARY93", 20_000)+`"}`), fault.TooLarge, 1},
		{"invalid grant", nil, says(400, `{"error":"invalid_grant","error_description":"user CANARY93"}`), fault.SignInRefused, 1},
		{"invalid client", nil, says(401, `{"error":"invalid_client_id","error_description":"CANARY93"}`), fault.SignInRefused, 1},
		{"app access", nil, says(400, `{"error":"invalid_app_access"}`), fault.SignInRefused, 1},
		{"401 without a code", nil, says(401, `CANARY93`), fault.SignInRefused, 1},
		{"not an org", nil, says(404, `CANARY93`), fault.SignInRefused, 1},
		{"no route", nil, says(420, `CANARY93`), fault.HostRefused, 1},
		{"unavailable", nil, says(503, `CANARY93`), fault.Unavailable, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.token = func(rw http.ResponseWriter, r *http.Request) {
				status, body := c.answer(w)
				rw.WriteHeader(status)
				rw.Write([]byte(body))
			}
			cfg := w.config()
			if c.edit != nil {
				c.edit(&cfg)
			}
			org := w.org(cfg)
			expect(t, "sign-in", signIn(org), c.want, "")
			if n := w.signIn.Load(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			if c.want == nil && org.OrgID() != orgID {
				t.Errorf("OrgID = %q", org.OrgID())
			}
		})
	}
}

// TestPinnedAtFirstSight signs in without a configured org or instance; the
// next sign-in must name the same.
func TestPinnedAtFirstSight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change map[string]string
		want   error
	}{
		{"another org", map[string]string{"id": "https://x/id/00DAA0000000002/" + userID, "access_token": "00DAA0000000002!x"}, fault.WrongOrg},
		{"another instance", map[string]string{"instance_url": "https://other.my.salesforce.com"}, fault.HostRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			good := w.token
			w.token = func(rw http.ResponseWriter, r *http.Request) {
				if w.signIn.Load() == 1 {
					good(rw, r)
					return
				}
				a := w.answer()
				maps.Copy(a, c.change)
				json.NewEncoder(rw).Encode(a)
			}
			w.serve(instanceHost, w.tls(instanceHost), http.HandlerFunc(expired))
			cfg := w.config()
			cfg.OrgID, cfg.InstanceURL = "", ""
			org := w.org(cfg)
			if err := signIn(org); err != nil {
				t.Fatal(err)
			}
			expect(t, "refresh", get(org), c.want, "")
		})
	}
}

func expired(rw http.ResponseWriter, r *http.Request) {
	rw.WriteHeader(http.StatusUnauthorized)
	rw.Write([]byte(`[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`))
}

// TestRefreshOnce has fifty callers meet a dead session at once.
func TestRefreshOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.token = func(rw http.ResponseWriter, r *http.Request) {
		a := w.answer()
		if w.signIn.Load() > 1 {
			a["access_token"] = "00DAA0000000001!second"
		}
		json.NewEncoder(rw).Encode(a)
	}
	const callers = 50
	var arrived sync.WaitGroup
	arrived.Add(callers)
	var late atomic.Bool // one of them hears of it when the others are done
	done := make(chan struct{})
	var served atomic.Int64
	w.serve(instanceHost, w.tls(instanceHost), http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+token {
			arrived.Done()
			arrived.Wait() // all of them use the first token
			if late.CompareAndSwap(false, true) {
				<-done
			}
			expired(rw, r)
			return
		}
		if served.Add(1) == callers-1 {
			close(done)
		}
		rw.Write([]byte("{}"))
	}))
	org := w.org(w.config())
	var refreshed atomic.Int64
	org.Observe(func(e salesforce.Event) {
		if e.Kind == salesforce.Refreshed {
			refreshed.Add(1)
		}
	})
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			if err := get(org); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := w.signIn.Load(); n != 2 || refreshed.Load() != 1 {
		t.Errorf("%d sign-ins and %d refresh events, want 2 and 1", n, refreshed.Load())
	}
}

// TestSignInSurvivesItsCaller gives up the call that began a sign-in; another
// caller gets the session that comes of it.
func TestSignInSurvivesItsCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entered, release := make(chan struct{}), make(chan struct{})
	good := w.token
	w.token = func(rw http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		good(rw, r)
	}
	org := w.org(w.config())
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := org.SignIn(ctx); first <- err }()
	<-entered
	second := make(chan error)
	go func() { second <- signIn(org) }()
	cancel()
	if err := <-first; !errors.Is(err, fault.Canceled) {
		t.Errorf("first caller: %v, want canceled", err)
	}
	close(release)
	if err := <-second; err != nil || w.signIn.Load() != 1 {
		t.Errorf("second caller: %v after %d sign-ins", err, w.signIn.Load())
	}
}

// TestRefusalIsRemembered asks again after a refusal: the org is left alone
// for a while.
func TestRefusalIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.token = func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(400)
		rw.Write([]byte(`{"error":"inactive_user"}`))
	}
	org := w.org(w.config())
	for range 3 {
		expect(t, "sign-in", signIn(org), fault.SignInRefused, "not active")
	}
	if n := w.signIn.Load(); n != 1 {
		t.Errorf("%d sign-ins, want 1", n)
	}
	org.ForgetRefusal()
	if signIn(org); w.signIn.Load() != 2 {
		t.Error("no new sign-in once the refusal is forgotten")
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var revoked atomic.Pointer[http.Request]
	mux := http.NewServeMux()
	mux.HandleFunc("/services/oauth2/revoke", func(rw http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		revoked.Store(r)
	})
	w.serve(instanceHost, w.tls(instanceHost), mux)
	org := w.org(w.config())
	if err := org.Revoke(t.Context()); err != nil || revoked.Load() != nil {
		t.Errorf("before the sign-in: %v", err)
	}
	if err := signIn(org); err != nil {
		t.Fatal(err)
	}
	if err := org.Revoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := revoked.Load()
	if r == nil || r.Method != http.MethodPost || r.URL.RawQuery != "" || r.PostForm.Get("token") != token {
		t.Errorf("revocation: %v", r)
	}
	if err := signIn(org); err != nil || w.signIn.Load() != 2 {
		t.Errorf("after it: %v, %d sign-ins; want a new session", err, w.signIn.Load())
	}
}

func TestCloseEndsSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entered := make(chan struct{})
	w.token = func(rw http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}
	org := w.org(w.config())
	done := make(chan error)
	go func() { done <- signIn(org) }()
	<-entered
	org.Close()
	if err := <-done; !errors.Is(err, fault.Canceled) {
		t.Errorf("sign-in under way: %v, want canceled", err)
	}
	expect(t, "after Close", get(org), fault.Canceled, "closed")
	expect(t, "after Close", topic(org), fault.Canceled, "closed")
}

// TestConn checks the metadata of an RPC, and that one which the org no longer
// lets in makes the next one sign in anew.
func TestConn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.serveTopics(w.tls(pubsubHost))
	org := w.org(w.config())
	if err := topic(org); err != nil {
		t.Fatal(err)
	}
	md := *s.asked.Load()
	for name, want := range map[string]string{"accesstoken": token, "instanceurl": "https://" + instanceHost, "tenantid": orgID} {
		if got := md.Get(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	var once sync.Once
	s.fail = func() (err error) {
		once.Do(func() { err = status.Error(codes.Unauthenticated, "CANARY93") })
		return err
	}
	if err := topic(org); status.Code(err) != codes.Unauthenticated {
		t.Errorf("with a dead session: %v", err)
	}
	if err := topic(org); err != nil || w.signIn.Load() != 2 {
		t.Errorf("after it: %v, %d sign-ins; want a new session", err, w.signIn.Load())
	}
}

// TestConnUnreachable: the fault says what stands in the way, not that gRPC is
// unavailable.
func TestConnUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expect(t, "no such host", topic(w.org(w.config())), fault.Unavailable, "check the URL, DNS")
}
