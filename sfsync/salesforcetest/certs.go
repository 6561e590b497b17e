package salesforcetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// authority is the certificate authority of one run. Its key and the
// server's exist in memory only, it can vouch for nothing but loopback, and
// it ends with the week: a trust store it is left in gives nobody anything.
type authority struct {
	cert   *x509.Certificate
	pool   *x509.CertPool
	server tls.Certificate
}

const authorityLife = 7 * 24 * time.Hour

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := rootTemplate(now)
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.CreateCertificate(rand.Reader, leafTemplate(now), cert, serverKey.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{cert: cert, pool: x509.NewCertPool(), server: tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: serverKey}}
	a.pool.AddCert(cert)
	return a, nil
}

func rootTemplate(now time.Time) *x509.Certificate {
	host := func(ip string) *net.IPNet {
		b := net.ParseIP(ip)
		if v4 := b.To4(); v4 != nil {
			b = v4
		}
		return &net.IPNet{IP: b, Mask: net.CIDRMask(8*len(b), 8*len(b))}
	}
	return &x509.Certificate{
		SerialNumber:                big.NewInt(now.UnixNano()),
		Subject:                     pkix.Name{CommonName: "salesforcetest, loopback only"},
		NotBefore:                   now.Add(-time.Hour),
		NotAfter:                    now.Add(authorityLife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"}, // and every name below it
		PermittedIPRanges:           []*net.IPNet{host("127.0.0.1"), host("::1")},
	}
}

func leafTemplate(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano() + 1),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(authorityLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost", "*.localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
}

// pem is the authority's certificate, for clients that read a file.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// config is TLS 1.3 only, like the strictest orgs; protocols are what ALPN offers.
func (a *authority) config(protocols ...string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.server}, MinVersion: tls.VersionTLS13, NextProtos: protocols}
}
