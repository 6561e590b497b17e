package salesforce

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// FromEnv reads a Config from the environment, or from any lookup of the same
// form:
//
//	SFSYNC_LOGIN_URL, SFSYNC_INSTANCE_URL, SFSYNC_ORG_ID
//	SFSYNC_CONSUMER_KEY, SFSYNC_USERNAME
//	SFSYNC_JWT_KEY_FILE      private key, PEM; selects the JWT bearer flow
//	SFSYNC_CLIENT_SECRET     read only without a key file: client credentials
//	SFSYNC_AUDIENCE, SFSYNC_API_VERSION, SFSYNC_PUBSUB_ENDPOINT
//	SFSYNC_CA_FILE           authorities to trust in place of the system's, PEM
//	SFSYNC_TLS_CERT_FILE, SFSYNC_TLS_KEY_FILE   client certificate, PEM
//	SFSYNC_PROXY_URL, SFSYNC_PROXY_CA_FILE
//
// Pins, limits and exceptions are decisions, not settings of a host: they are
// made in the program. FromEnv reads the files named and does no network I/O.
func FromEnv(getenv func(string) string) (Config, error) {
	c := Config{
		LoginURL:       getenv("SFSYNC_LOGIN_URL"),
		InstanceURL:    getenv("SFSYNC_INSTANCE_URL"),
		OrgID:          getenv("SFSYNC_ORG_ID"),
		ConsumerKey:    getenv("SFSYNC_CONSUMER_KEY"),
		Username:       getenv("SFSYNC_USERNAME"),
		Audience:       getenv("SFSYNC_AUDIENCE"),
		APIVersion:     getenv("SFSYNC_API_VERSION"),
		PubSubEndpoint: getenv("SFSYNC_PUBSUB_ENDPOINT"),
	}
	if err := c.loadKeys(getenv); err != nil {
		return Config{}, err
	}
	if err := c.loadTrust(getenv); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) loadKeys(getenv func(string) string) (err error) {
	if path := getenv("SFSYNC_JWT_KEY_FILE"); path != "" {
		if c.Signer, err = LoadSigner(path); err != nil {
			return err
		}
	} else {
		c.ClientSecret = NewSecret(getenv("SFSYNC_CLIENT_SECRET"))
	}
	certFile, keyFile := getenv("SFSYNC_TLS_CERT_FILE"), getenv("SFSYNC_TLS_KEY_FILE")
	if certFile == "" && keyFile == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fault.New(fault.ConfigInvalid, "salesforce.FromEnv", "SFSYNC_TLS_CERT_FILE and SFSYNC_TLS_KEY_FILE are not a certificate and its key in PEM; check both files")
	}
	c.Certificate = &cert
	return nil
}

func (c *Config) loadTrust(getenv func(string) string) error {
	roots, err := loadRoots(getenv("SFSYNC_CA_FILE"))
	if err != nil {
		return err
	}
	if roots != nil {
		c.Roots = map[string]*x509.CertPool{"": roots}
	}
	if proxy := getenv("SFSYNC_PROXY_URL"); proxy != "" {
		roots, err := loadRoots(getenv("SFSYNC_PROXY_CA_FILE"))
		if err != nil {
			return err
		}
		c.Proxy = &Proxy{URL: proxy, Roots: roots}
	}
	return nil
}

func loadRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "salesforce.FromEnv", "the file of authorities cannot be read; check SFSYNC_CA_FILE and SFSYNC_PROXY_CA_FILE")
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, fault.New(fault.ConfigInvalid, "salesforce.FromEnv", "the file of authorities holds no certificate in PEM; check SFSYNC_CA_FILE and SFSYNC_PROXY_CA_FILE")
	}
	return roots, nil
}
