package salesforce_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// proxy is an HTTP proxy that connects into a world and remembers what it saw.
type proxy struct {
	w       *world
	mu      sync.Mutex
	targets []string
	status  int
	auth    string
}

func (p *proxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.targets, p.auth = append(p.targets, r.Method+" "+r.Host), r.Header.Get("Proxy-Authorization")
	p.mu.Unlock()
	if p.status != 0 {
		rw.WriteHeader(p.status)
		return
	}
	out, err := p.w.dial(r.Context(), "tcp", r.Host)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, _, err := rw.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { io.Copy(out, in); out.Close() }()
	io.Copy(in, out)
}

func (p *proxy) serve(t *testing.T, conf *tls.Config) {
	t.Helper()
	srv := &http.Server{Handler: p, TLSConfig: conf, ErrorLog: log.New(io.Discard, "", 0), TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	l := p.w.listen("proxy.example.com")
	if conf == nil {
		go srv.Serve(l)
	} else {
		go srv.ServeTLS(l, "", "")
	}
	t.Cleanup(func() { srv.Close() })
}

func TestProxy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		url    string
		status int
		max    uint16 // the proxy's TLS version
		want   error
		advice string
	}{
		{name: "https", url: "https://proxy.example.com:3128"},
		{name: "http", url: "http://proxy.example.com:3128"},
		{name: "refuses", url: "https://proxy.example.com:3128", status: 407, want: fault.Unavailable, advice: "HTTP 407"},
		{name: "TLS 1.2", url: "https://proxy.example.com:3128", max: tls.VersionTLS12, want: fault.TLSRefused, advice: "does not offer TLS 1.3"},
		{name: "is not there", url: "https://nobody.example.com:3128", want: fault.Unavailable, advice: "the proxy cannot be reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, proxyCA := newWorld(t), newAuthority(t)
			w.serve(instanceHost, w.tls(instanceHost), okHandler())
			w.serveTopics(w.tls(pubsubHost))
			p := &proxy{w: w, status: c.status}
			cfg := w.config()
			cfg.Proxy = &salesforce.Proxy{URL: c.url}
			if c.url[:5] == "https" {
				p.serve(t, &tls.Config{Certificates: []tls.Certificate{proxyCA.issue(t, "proxy.example.com", nil)}, MaxVersion: c.max})
				cfg.Proxy.Roots, cfg.Proxy.Username, cfg.Proxy.Password = proxyCA.pool, "sync", salesforce.NewSecret("CANARY93")
			} else {
				p.serve(t, nil)
			}
			org := w.org(cfg)
			expect(t, "data", get(org), c.want, c.advice)
			org.ForgetRefusal()
			expect(t, "pubsub", topic(org), c.want, c.advice)
			if c.want != nil {
				return
			}
			want := []string{"CONNECT " + loginHost + ":443", "CONNECT " + instanceHost + ":443", "CONNECT " + pubsubHost + ":7443"}
			if !slices.Equal(p.targets, want) {
				t.Errorf("the proxy saw %q, want %q", p.targets, want)
			}
			if cfg.Proxy.Username != "" && p.auth != "Basic c3luYzpDQU5BUlk5Mw==" {
				t.Errorf("credentials %q", p.auth)
			}
		})
	}
}

// TestProxyOfTheEnvironment is not used: whoever sets a variable would see where
// this program connects to.
func TestProxyOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	w := newWorld(t)
	w.serve(instanceHost, w.tls(instanceHost), okHandler())
	w.serveTopics(w.tls(pubsubHost))
	org := w.org(w.config())
	expect(t, "data", get(org), nil, "")
	expect(t, "pubsub", topic(org), nil, "")
}
