package salesforce

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Config says which org to sign in to, as whom, and whom to trust on the way.
// It takes no HTTP client and no TLS configuration, so that no caller can
// weaken a connection by accident.
type Config struct {
	// LoginURL is where the JWT bearer flow signs in: https://login.salesforce.com
	// (the default), https://test.salesforce.com for a sandbox, or the My Domain URL.
	LoginURL string
	// InstanceURL is the org's My Domain, such as https://acme.my.salesforce.com. A
	// sign-in that names another instance is refused. Without it the first
	// sign-in's instance is kept, if it is the login host or ends in
	// .my.salesforce.com. The client-credentials flow needs it.
	InstanceURL string
	// OrgID is the org's id, 15 or 18 characters. A sign-in to another org is
	// refused. Without it the first sign-in's org is kept.
	OrgID string
	// ConsumerKey is the client id of the External Client App or Connected App.
	ConsumerKey string
	// Username is the integration user's; for the JWT bearer flow only.
	Username string
	// Signer signs the JWT bearer assertion: the RSA key of the certificate that
	// was uploaded to the app. See [LoadSigner].
	Signer crypto.Signer
	// ClientSecret is for the client-credentials flow, which runs if there is no
	// Signer.
	ClientSecret Secret
	// Audience is the aud claim. Without it: LoginURL; on a My Domain
	// https://test.salesforce.com for a sandbox's, otherwise
	// https://login.salesforce.com.
	Audience string
	// APIVersion is the REST and Bulk version; "" is 67.0 (Summer '26).
	APIVersion string
	// PubSubEndpoint is host:port of the Pub/Sub API; "" is
	// api.pubsub.salesforce.com:7443 (Pub/Sub API guide, "Pub/Sub API Endpoints";
	// api.deu.pubsub.salesforce.com:7443 processes in the EU only).
	PubSubEndpoint string

	// Roots are the authorities trusted for a host, by host name without port;
	// lower case; the entry "" is for all hosts without their own. Without any: the
	// system's.
	Roots map[string]*x509.CertPool
	// Pins are SHA-256 sums of subject public keys, by host name. A host with pins
	// must show a verified chain that contains one of them. Salesforce rotates its
	// certificates and advises against pinning: pin an authority's key if any.
	Pins map[string][][sha256.Size]byte
	// Certificate is shown to hosts of the org that ask for one (mutual TLS).
	Certificate *tls.Certificate
	// Proxy is used for every connection; nil is none. The environment is not read.
	Proxy *Proxy
	// TLS12 lists the hosts for which TLS 1.2 is accepted, each with a reason.
	TLS12 []TLS12Exception

	// RequestsPerSecond spaces HTTP calls; 0 sets no limit.
	RequestsPerSecond float64
	// Logger gets sign-ins, refusals and exceptions used, at Info and Warn, never a
	// value; nil logs nothing.
	Logger *slog.Logger
}

// Proxy is an HTTP proxy that is asked to CONNECT to each host. It sees host
// names and sizes, nothing else: TLS to the org runs inside.
type Proxy struct {
	// URL is https://host:port or http://host:port.
	URL string
	// Username and Password are sent as Basic credentials if Username is set,
	// over https only.
	Username string
	Password Secret
	// Roots are the authorities trusted for the proxy itself; nil is the system's.
	Roots *x509.CertPool
}

// TLS12Exception allows one host to be reached with TLS 1.2, ECDHE and an AEAD
// cipher, until a date. Each such connection is reported to [Org.Observe] and is
// closed at Until.
type TLS12Exception struct {
	// Host is the name that is dialled, without port.
	Host string
	// Reason says who accepted it and why; it goes into the ledger.
	Reason string
	// Until is at most 180 days away when New is called.
	Until time.Time
}

const longestException = 180 * 24 * time.Hour

// Format prints no field: a Signer or Certificate would print its key.
func (c Config) Format(f fmt.State, verb rune) { io.WriteString(f, "salesforce.Config") }

// MarshalText gives encoders, and slog, no field either.
func (c Config) MarshalText() ([]byte, error) { return []byte("salesforce.Config"), nil }
