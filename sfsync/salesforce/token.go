package salesforce

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// assertionLife: Salesforce accepts at most three minutes (help article "OAuth
// 2.0 JWT Bearer Flow"); the rest is left to clocks that differ.
const assertionLife = 2 * time.Minute

// authenticate runs the configured OAuth flow once.
func (o *Org) authenticate(ctx context.Context) (*session, error) {
	base, form, err := o.cfg.grant(time.Now())
	if err != nil {
		return nil, err
	}
	body, cs, err := o.post(ctx, base+"/services/oauth2/token", form)
	if err != nil {
		return nil, signInFault(err)
	}
	s, err := readToken(body)
	if err != nil {
		return nil, err
	}
	s.identity.TLS = tlsName(cs)
	return s, nil
}

// signInFault reads an answer without an OAuth error code for what it means
// here: no session has expired, and no permission of the data API is missing.
func signInFault(err error) error {
	var e *fault.Error
	errors.As(err, &e)
	switch e.Code() {
	case fault.SessionExpired, fault.Denied, fault.NotFound, fault.RequestInvalid:
		return fault.New(fault.SignInRefused, "salesforce.SignIn", "the host accepts no sign-in of this kind; check the login URL, the app and its flows").
			HTTP(e.HTTPStatus()).Server(e.ServerCode())
	}
	return err
}

// grant returns where to sign in and with what.
func (c *Config) grant(now time.Time) (string, url.Values, error) {
	if c.Signer == nil {
		return c.InstanceURL, url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ConsumerKey},
			"client_secret": {c.ClientSecret.Reveal()}}, nil
	}
	assertion, err := c.assertion(now)
	if err != nil {
		return "", nil, err
	}
	return c.LoginURL, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}, nil
}

// assertion is a JWS with RS256 (RFC 7515, RFC 7518 section 3.3).
func (c *Config) assertion(now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{"iss": c.ConsumerKey, "sub": c.Username, "aud": c.Audience,
		"exp": now.Add(assertionLife).Unix()})
	if err != nil {
		return "", fault.New(fault.ConfigInvalid, "salesforce.SignIn", "consumer key and user name must be text; check them")
	}
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + b64.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := c.Signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return "", fault.Wrap(err, fault.KeyUnavailable, "salesforce.SignIn", "the signer did not sign; check access to the app's key")
	}
	return signed + "." + b64.EncodeToString(signature), nil
}

// readToken reads the answer of the token endpoint. There is no expires_in: a
// session lives until the org says otherwise.
func readToken(body []byte) (*session, error) {
	var t struct {
		AccessToken string `json:"access_token"`
		InstanceURL string `json:"instance_url"`
		ID          string `json:"id"`
		Scope       string `json:"scope"`
	}
	if json.Unmarshal(body, &t) != nil || !headerSafe(t.AccessToken) {
		return nil, fault.New(fault.ResponseInvalid, "salesforce.SignIn", "the answer is not that of a token endpoint; check the login URL")
	}
	org, user, ok := identify(t.ID)
	if !ok || !fits(t.AccessToken, org) {
		return nil, fault.New(fault.ResponseInvalid, "salesforce.SignIn", "the answer does not name the org and the user; check the login URL")
	}
	instance, err := origin(t.InstanceURL, "")
	if err != nil {
		return nil, fault.New(fault.HostRefused, "salesforce.SignIn", "the answer names no https instance; check the login URL")
	}
	return &session{token: NewSecret(t.AccessToken), identity: Identity{OrgID: org, UserID: user,
		InstanceURL: instance, Scopes: strings.Fields(t.Scope)}}, nil
}

// fits reports whether a token of the form <org id, 15>!<opaque> names the
// same org; a token in another form, such as a JWT, is not looked into.
func fits(token, org string) bool {
	prefix, _, ok := strings.Cut(token, "!")
	if !ok {
		return true
	}
	id, valid := recordid.Normalize(prefix)
	return valid && id == org
}

// headerSafe refuses what could not be sent in an HTTP header or as gRPC
// metadata, and what would break out of one.
func headerSafe(token string) bool {
	if token == "" || len(token) > 8<<10 {
		return false
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// post sends a form to an OAuth endpoint, without a token.
func (o *Org) post(ctx context.Context, endpoint string, form url.Values) ([]byte, *tls.ConnectionState, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, fault.New(fault.Internal, "salesforce.SignIn", "the OAuth endpoint is not a URL; please report it")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := o.send(req)
	if err != nil {
		return nil, nil, err
	}
	body, err := readAll(resp, 64<<10)
	return body, resp.TLS, err
}
