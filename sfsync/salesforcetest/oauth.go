package salesforcetest

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oauthError is an error of the authorization server: error and
// error_description, HTTP 400.
type oauthError struct{ code, description string }

func (e *oauthError) Error() string { return "salesforcetest: " + e.code + ": " + e.description }

// serveIdentity answers /services/oauth2, /id and OpenID discovery, on both
// hosts. It returns false for other paths.
func (o *Org) serveIdentity(w http.ResponseWriter, r *http.Request, path []string, myDomain bool) bool {
	if version, ok := soapVersion(path); ok && r.Method == http.MethodPost {
		o.serveSOAP(w, r, version)
		return true
	}
	switch at := strings.Join(path, "/"); {
	case at == "services/oauth2/token":
		o.serveToken(w, r, myDomain)
	case at == "services/oauth2/introspect":
		o.serveIntrospect(w, r)
	case at == "services/oauth2/revoke":
		o.serveRevoke(w, r)
	case at == "services/oauth2/userinfo", len(path) == 3 && path[0] == "id":
		o.serveUser(w, r)
	case at == ".well-known/openid-configuration":
		base := o.base(r, "login")
		writeOAuth(w, 200, map[string]any{"issuer": base, "token_endpoint": base + "/services/oauth2/token",
			"revocation_endpoint": base + "/services/oauth2/revoke", "introspection_endpoint": base + "/services/oauth2/introspect",
			"userinfo_endpoint": base + "/services/oauth2/userinfo", "authorization_endpoint": base + "/services/oauth2/authorize"})
	default:
		return false
	}
	return true
}

// base is the URL of a host in the scheme that the caller came by.
func (o *Org) base(r *http.Request, name string) string { return o.url(name, r.TLS != nil) }

func (o *Org) serveToken(w http.ResponseWriter, r *http.Request, myDomain bool) {
	err := o.grant(r, myDomain)
	if err != nil {
		writeOAuthError(w, err)
		return
	}
	s, ok := o.sessions.open()
	if !ok {
		writeOAuthError(w, &oauthError{"inactive_user", "user is inactive"})
		return
	}
	id := o.base(r, "login") + "/id/" + o.state.OrgID + "/" + o.state.UserID
	issued := strconv.FormatInt(s.issued.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(o.state.ConsumerSecret))
	mac.Write([]byte(id + issued))
	writeOAuth(w, 200, map[string]any{"access_token": s.token, "signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		"scope": "api", "instance_url": o.base(r, "instance"), "id": id, "token_type": "Bearer", "issued_at": issued})
}

// grant checks the three flows that a machine can sign in by.
func (o *Org) grant(r *http.Request, myDomain bool) error {
	switch {
	case r.Method != http.MethodPost:
		return &oauthError{"invalid_request", "must use HTTP POST"}
	case r.FormValue("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer":
		return o.checkAssertion(r)
	case r.FormValue("grant_type") == "password":
		return o.checkPassword(r)
	case r.FormValue("grant_type") != "client_credentials":
		return &oauthError{"unsupported_grant_type", "grant type not supported"}
	case !myDomain: // the login host does not know which org is meant
		return &oauthError{"invalid_grant", "request not supported on this domain"}
	}
	return o.checkClient(r)
}

// checkClient compares client id and secret, from the body or Basic.
func (o *Org) checkClient(r *http.Request) error {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != o.state.ConsumerKey {
		return &oauthError{"invalid_client_id", "client identifier invalid"}
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(o.state.ConsumerSecret)) != 1 {
		return &oauthError{"invalid_client", "invalid client credentials"}
	}
	return nil
}

// checkPassword compares user and password. Orgs block this flow by default
// since Summer '23; this one lets in the clients that know no other.
func (o *Org) checkPassword(r *http.Request) error {
	if err := o.checkClient(r); err != nil {
		return err
	}
	if r.FormValue("username") != o.state.Username || subtle.ConstantTimeCompare([]byte(r.FormValue("password")), []byte(o.state.Password)) != 1 {
		return &oauthError{"invalid_grant", "authentication failure"}
	}
	return nil
}

type claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"`
	Expires  any             `json:"exp"`
}

// expires is the time in exp. Some clients write milliseconds, go-salesforce
// writes the number as a text, and all are let in.
func (c *claims) expires() time.Time {
	seconds, err := strconv.ParseFloat(fmt.Sprint(c.Expires), 64)
	if err != nil {
		return time.Time{}
	}
	if seconds > 1e11 {
		seconds /= 1000
	}
	return time.Unix(int64(seconds), 0)
}

// checkAssertion verifies a JWT bearer assertion (RFC 7523; OAuth 2.0 JWT
// Bearer Flow in Salesforce Help).
func (o *Org) checkAssertion(r *http.Request) error {
	c, ok := o.verify(r.FormValue("assertion"))
	if !ok {
		return &oauthError{"invalid_grant", "invalid assertion"}
	}
	left := c.expires().Sub(o.now())
	switch {
	case c.Issuer != o.state.ConsumerKey:
		return &oauthError{"invalid_client_id", "client identifier invalid"}
	case c.Subject != o.state.Username:
		return &oauthError{"invalid_grant", "user hasn't approved this consumer"}
	case !o.audience(c.Audience):
		return &oauthError{"invalid_grant", "audience is invalid"}
	case left <= 0 || left > orElse(o.cfg.AssertionLife, 5*time.Minute)+5*time.Second:
		return &oauthError{"invalid_grant", "invalid assertion"}
	}
	return nil
}

// audience accepts the login hosts of this org and the two real ones.
func (o *Org) audience(raw json.RawMessage) bool {
	var one string
	var many []string
	if json.Unmarshal(raw, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(raw, &many) != nil {
		return false
	}
	ours := []string{"https://login.salesforce.com", "https://test.salesforce.com", o.LoginURL(), o.InstanceURL(),
		o.PlaintextLoginURL(), o.PlaintextInstanceURL()}
	return slices.ContainsFunc(many, func(a string) bool { return a != "" && slices.Contains(ours, a) })
}

// verify checks an RS256 signature with the key the app was registered with.
func (o *Org) verify(token string) (*claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	var decoded [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return nil, false
		}
		decoded[i] = b
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var c claims
	key, err := o.jwtKey()
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if json.Unmarshal(decoded[0], &head) != nil || head.Alg != "RS256" || json.Unmarshal(decoded[1], &c) != nil ||
		rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], decoded[2]) != nil {
		return nil, false
	}
	return &c, true
}

func (o *Org) serveIntrospect(w http.ResponseWriter, r *http.Request) {
	if err := o.checkClient(r); err != nil {
		writeOAuthError(w, err)
		return
	}
	s := o.session(r.PostFormValue("token"))
	if s == nil {
		writeOAuth(w, 200, map[string]any{"active": false})
		return
	}
	writeOAuth(w, 200, map[string]any{"active": true, "scope": "api", "client_id": o.state.ConsumerKey, "username": o.state.Username,
		"sub": o.base(r, "login") + "/id/" + o.state.OrgID + "/" + o.state.UserID, "token_type": "access_token",
		"exp": s.used.Add(o.sessions.timeout()).Unix(), "iat": s.issued.Unix(), "nbf": s.issued.Unix()})
}

func (o *Org) serveRevoke(w http.ResponseWriter, r *http.Request) {
	if !o.sessions.end(r.FormValue("token")) {
		writeOAuthError(w, &oauthError{"unsupported_token_type", "this token type is not supported"})
		return
	}
	w.WriteHeader(http.StatusOK)
}

// serveUser answers userinfo and the identity URL. A dead token is 403 in
// plain text here, unlike anywhere else.
func (o *Org) serveUser(w http.ResponseWriter, r *http.Request) {
	if o.session(bearer(r.Header.Get("Authorization"))) == nil {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("Bad_OAuth_Token"))
		return
	}
	id := o.base(r, "login") + "/id/" + o.state.OrgID + "/" + o.state.UserID
	rest := o.base(r, "instance") + "/services/data/v{version}/"
	writeOAuth(w, 200, map[string]any{"sub": id, "id": id, "asserted_user": true, "user_id": o.state.UserID, "organization_id": o.state.OrgID,
		"preferred_username": o.state.Username, "username": o.state.Username, "nick_name": "sync", "nickname": "sync", "name": "Sync Integration",
		"display_name": "Sync Integration", "email": o.state.Username, "email_verified": true, "given_name": "Sync",
		"family_name": "Integration", "zoneinfo": "America/Los_Angeles", "active": true, "user_type": "STANDARD",
		"photos": map[string]any{}, "urls": map[string]any{"rest": rest, "sobjects": rest + "sobjects/", "query": rest + "query/",
			"recent": rest + "recent/", "custom_domain": o.base(r, "instance")}})
}

func writeOAuthError(w http.ResponseWriter, err error) {
	e := err.(*oauthError)
	writeOAuth(w, http.StatusBadRequest, map[string]any{"error": e.code, "error_description": e.description})
}

func writeOAuth(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // strings and booleans encode
	_, _ = w.Write(b.Bytes())
}
