package salesforce

import (
	"crypto"
	"maps"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

var apiVersion = regexp.MustCompile(`^[1-9][0-9]{1,2}\.0$`)

// checked returns the configuration with its defaults filled in, its URLs in
// one form and its keys hidden, or says which setting is wrong.
func (c Config) checked() (Config, error) {
	if strings.Contains(os.Getenv("GODEBUG"), "http2debug=") {
		return c, fault.New(fault.ConfigInvalid, "salesforce.New", "GODEBUG=http2debug prints access tokens; unset it")
	}
	for _, check := range []func(*Config) error{
		(*Config).checkHosts, (*Config).checkApp, (*Config).checkAudience, (*Config).checkProxy, (*Config).checkTrust, (*Config).checkExceptions,
	} {
		if err := check(&c); err != nil {
			return c, err
		}
	}
	c.Signer = hide(c.Signer)
	if c.Certificate != nil {
		shown := *c.Certificate
		if key, ok := shown.PrivateKey.(crypto.Signer); ok {
			shown.PrivateKey = hide(key)
		}
		c.Certificate = &shown
	}
	return c, nil
}

func (c *Config) checkHosts() (err error) {
	if c.LoginURL == "" {
		c.LoginURL = "https://login.salesforce.com"
	}
	if c.LoginURL, err = origin(c.LoginURL, "LoginURL"); err != nil {
		return err
	}
	if c.InstanceURL != "" {
		if c.InstanceURL, err = origin(c.InstanceURL, "InstanceURL"); err != nil {
			return err
		}
	}
	if c.PubSubEndpoint == "" {
		c.PubSubEndpoint = "api.pubsub.salesforce.com:7443"
	}
	if host, port, err := net.SplitHostPort(c.PubSubEndpoint); err != nil || host == "" || port == "" {
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give the endpoint as host:port").On("", "PubSubEndpoint")
	}
	if c.APIVersion == "" {
		c.APIVersion = "67.0"
	}
	if !apiVersion.MatchString(c.APIVersion) {
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give the version as digits and .0, such as 67.0").On("", "APIVersion")
	}
	return nil
}

func (c *Config) checkApp() error {
	if c.OrgID != "" {
		id, ok := recordid.Normalize(c.OrgID)
		if !ok || !strings.HasPrefix(id, "00D") {
			return fault.New(fault.ConfigInvalid, "salesforce.New", "give the org id as Setup shows it, 15 or 18 characters that begin with 00D").On("", "OrgID")
		}
		c.OrgID = id
	}
	switch {
	case c.ConsumerKey == "":
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give the consumer key of the app").On("", "ConsumerKey")
	case c.Signer == nil && c.ClientSecret.IsZero():
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give a Signer for the JWT bearer flow, or a ClientSecret for the client-credentials flow")
	case c.Signer != nil && !signsRS256(c.Signer):
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give an RSA key of 2048 bits or more").On("", "Signer")
	case c.Signer != nil && c.Username == "":
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give the integration user's name").On("", "Username")
	case c.Signer == nil && c.InstanceURL == "":
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give the My Domain URL; the client-credentials flow signs in there only").On("", "InstanceURL")
	}
	return nil
}

// checkAudience ties aud to the login URL, so that an assertion for one
// environment is never accepted by the other.
func (c *Config) checkAudience() (err error) {
	login, _ := url.Parse(c.LoginURL)
	want := c.LoginURL
	switch name := login.Hostname(); {
	case strings.HasSuffix(name, ".sandbox.my.salesforce.com"):
		want = "https://test.salesforce.com"
	case strings.HasSuffix(name, ".my.salesforce.com"):
		want = "https://login.salesforce.com"
	}
	if c.Audience == "" {
		c.Audience = want
	}
	if c.Audience, err = origin(c.Audience, "Audience"); err != nil {
		return err
	}
	if c.Audience != want && c.Audience != c.LoginURL {
		return fault.New(fault.ConfigInvalid, "salesforce.New", "the audience belongs to another login URL; leave it empty").On("", "Audience")
	}
	return nil
}

func (c *Config) checkProxy() error {
	if c.Proxy == nil {
		return nil
	}
	u, err := url.Parse(c.Proxy.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.Port() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fault.New(fault.ConfigInvalid, "salesforce.New", "give the proxy as https://host:port or http://host:port, without credentials").On("", "Proxy")
	}
	if u.Scheme == "http" && c.Proxy.Username != "" {
		return fault.New(fault.ConfigInvalid, "salesforce.New", "credentials for a proxy need an https proxy; they would travel in clear text").On("", "Proxy")
	}
	return nil
}

// checkTrust refuses a host that no connection would be looked up by: its pins
// would be checked nowhere.
func (c *Config) checkTrust() error {
	hosts := append(slices.Collect(maps.Keys(c.Roots)), slices.Collect(maps.Keys(c.Pins))...)
	for _, host := range hosts {
		if host != strings.ToLower(host) || strings.ContainsAny(host, ":/*") {
			return fault.New(fault.ConfigInvalid, "salesforce.New", "name hosts in lower case, without port or wildcard").On("", "Roots", "Pins")
		}
	}
	if _, all := c.Pins[""]; all {
		return fault.New(fault.ConfigInvalid, "salesforce.New", "pins are for one host; name it").On("", "Pins")
	}
	return nil
}

func (c *Config) checkExceptions() error {
	now := time.Now()
	for _, e := range c.TLS12 {
		switch {
		case e.Host == "" || strings.ContainsAny(e.Host, ":/*"):
			return fault.New(fault.ConfigInvalid, "salesforce.New", "name one host, without port or wildcard").On("", "TLS12")
		case strings.TrimSpace(e.Reason) == "":
			return fault.New(fault.ConfigInvalid, "salesforce.New", "give the reason for the exception; it goes into the ledger").On("", "TLS12")
		case !e.Until.After(now):
			return fault.New(fault.ConfigInvalid, "salesforce.New", "the exception has ended; remove it, or decide on it anew").On("", "TLS12")
		case e.Until.After(now.Add(longestException)):
			return fault.New(fault.ConfigInvalid, "salesforce.New", "an exception lasts at most 180 days; give an earlier date").On("", "TLS12")
		}
	}
	return nil
}

// origin accepts an https URL that names a host and nothing else, and returns
// it in lower case without a closing slash.
func origin(text, setting string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return "", fault.New(fault.ConfigInvalid, "salesforce.New", "give an https URL with a host name and nothing else").On("", setting)
	}
	return "https://" + strings.ToLower(u.Host), nil
}
