package sfsync_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// tlsScenes go wrong on the way to the org: what answers there has a
// certificate, or a greeting, full of values.
func tlsScenes() []scene {
	certificate := func(edit func(*x509.Certificate)) func(*stage) *tls.Config {
		return func(s *stage) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{s.issue(edit)}} }
	}
	fine := func(*x509.Certificate) {}
	oldTLS := func(s *stage) *tls.Config {
		conf := certificate(fine)(s)
		conf.MaxVersion = tls.VersionTLS12
		return conf
	}
	// org and stream put the listener in the place of the org, and of the stream.
	org := func(conf func(*stage) *tls.Config) func(*stage) error {
		return func(s *stage) error {
			address := s.listen(conf)
			s.again(func(c *salesforce.Config) { c.InstanceURL = "https://" + address; s.trust(c) })
			return s.pass()
		}
	}
	stream := func(conf func(*stage) *tls.Config) func(*stage) error {
		return func(s *stage) error {
			address := s.listen(conf)
			s.again(func(c *salesforce.Config) { c.PubSubEndpoint = address })
			return s.follow(func() bool { return s.logged(fault.Unavailable) })
		}
	}
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	elsewhere := func(c *x509.Certificate) { c.DNSNames = []string{strings.ToLower(marker) + ".example.com"} }
	return []scene{
		{name: "certificate expired", play: org(certificate(expired)), want: fault.TLSRefused},
		{name: "certificate for another host", play: org(certificate(elsewhere)), want: fault.TLSRefused},
		{name: "certificate not trusted", play: func(s *stage) error {
			address := s.listen(certificate(fine))
			s.again(func(c *salesforce.Config) { c.InstanceURL = "https://" + address })
			return s.pass()
		}, want: fault.TLSRefused},
		{name: "TLS 1.2", play: org(oldTLS), want: fault.TLSRefused},
		{name: "no TLS", play: org(nil), want: fault.TLSRefused},
		{name: "stream's certificate not trusted", play: stream(certificate(fine)), want: fault.TLSRefused},
		{name: "stream without TLS", play: stream(nil), want: fault.TLSRefused},
		{name: "stream's host closed", play: func(s *stage) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			s.must(err)
			s.must(l.Close())
			s.again(func(c *salesforce.Config) { c.PubSubEndpoint = l.Addr().String() })
			return s.follow(func() bool { return s.logged(fault.Unavailable) })
		}, log: fault.Unavailable},
		{name: "proxy refuses", play: func(s *stage) error {
			proxy := s.listen(nil)
			s.again(func(c *salesforce.Config) { c.Proxy = &salesforce.Proxy{URL: "http://" + proxy} })
			return s.hurry(200 * time.Millisecond)
		}, want: fault.Timeout},
	}
}

// issue makes a self-signed certificate whose every text is marked.
func (s *stage) issue(edit func(*x509.Certificate)) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject:  pkix.Name{CommonName: marker, Organization: []string{marker}, Locality: []string{marker}},
		DNSNames: []string{"localhost"}, EmailAddresses: []string{marker + "@example.com"}}
	edit(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	s.must(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trust makes the certificates of the last listener trusted.
func (s *stage) trust(c *salesforce.Config) {
	pool := x509.NewCertPool()
	for _, cert := range s.shown {
		pool.AddCert(cert)
	}
	c.Roots = map[string]*x509.CertPool{"": pool}
}

// listen greets every connection with values, under TLS if there is a
// configuration, and returns where.
func (s *stage) listen(conf func(*stage) *tls.Config) string {
	l, err := net.Listen("tcp", "localhost:0")
	s.must(err)
	if conf != nil {
		c := conf(s)
		for _, chain := range c.Certificates {
			cert, err := x509.ParseCertificate(chain.Certificate[0])
			s.must(err)
			s.shown = append(s.shown, cert)
		}
		l = tls.NewListener(l, c)
	}
	s.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go greet(conn)
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	s.must(err)
	return "localhost:" + port
}

func greet(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "HTTP/1.1 407 "+marker+"\r\nLocation: "+marker+"\r\nContent-Length: 12\r\n\r\n"+marker)
	io.Copy(io.Discard, conn)
}
