package salesforce_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// topics is a Pub/Sub service that knows every topic and remembers who asked.
type topics struct {
	pubsubpb.UnimplementedPubSubServer
	asked atomic.Pointer[metadata.MD]
	fail  func() error
}

func (s *topics) GetTopic(ctx context.Context, r *pubsubpb.TopicRequest) (*pubsubpb.TopicInfo, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.asked.Store(&md)
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return nil, err
		}
	}
	return &pubsubpb.TopicInfo{TopicName: r.TopicName}, nil
}

func (w *world) serveTopics(conf *tls.Config) *topics {
	w.t.Helper()
	s := &topics{}
	srv := grpc.NewServer(grpc.Creds(credentials.NewTLS(conf)))
	pubsubpb.RegisterPubSubServer(srv, s)
	l := w.listen(pubsubHost)
	go srv.Serve(l)
	w.t.Cleanup(srv.Stop)
	return s
}

func topic(org *salesforce.Org) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := org.Conn(ctx)
	if err != nil {
		return err
	}
	_, err = pubsubpb.NewPubSubClient(conn).GetTopic(ctx, &pubsubpb.TopicRequest{TopicName: "/data/AccountChangeEvent"})
	return err
}

func get(org *salesforce.Org) error {
	_, _, err := org.Read(context.Background(), salesforce.Request{Path: "limits"}, 1<<10)
	return err
}

func signIn(org *salesforce.Org) error {
	_, err := org.SignIn(context.Background())
	return err
}

// TestTLS connects to servers under the real host names: what each kind of
// server leads to, for sign-in, data and Pub/Sub alike.
func TestTLS(t *testing.T) {
	t.Parallel()
	versions := func(min, max uint16) func(*testing.T, *world, string) *tls.Config {
		return func(t *testing.T, w *world, host string) *tls.Config {
			conf := w.tls(host)
			conf.MinVersion, conf.MaxVersion = min, max
			return conf
		}
	}
	issued := func(edit func(*x509.Certificate)) func(*testing.T, *world, string) *tls.Config {
		return func(t *testing.T, w *world, host string) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{w.ca.issue(t, host, edit)}}
		}
	}
	for _, c := range []struct {
		name   string
		server func(*testing.T, *world, string) *tls.Config // nil: clear text
		want   error
		advice string
	}{
		{"TLS 1.3", versions(tls.VersionTLS13, tls.VersionTLS13), nil, ""},
		{"TLS 1.2 to 1.3", versions(tls.VersionTLS12, tls.VersionTLS13), nil, ""},
		{"TLS 1.2", versions(tls.VersionTLS12, tls.VersionTLS12), fault.TLSRefused, "does not offer TLS 1.3"},
		{"TLS 1.1", versions(tls.VersionTLS11, tls.VersionTLS11), fault.TLSRefused, "does not offer TLS 1.3"},
		{"TLS 1.0", versions(tls.VersionTLS10, tls.VersionTLS10), fault.TLSRefused, "does not offer TLS 1.3"},
		{"expired", issued(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), fault.TLSRefused, "has expired"},
		{"wrong host", issued(func(c *x509.Certificate) { c.DNSNames = []string{"evil.example.com"} }), fault.TLSRefused, "for another host name"},
		{"self-signed", func(t *testing.T, w *world, host string) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{certificate(t, &x509.Certificate{DNSNames: []string{host}}, nil)}}
		}, fault.TLSRefused, "not trusted"},
		{"client certificate only", issued(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), fault.TLSRefused, "cannot be verified"},
		{"clear text", nil, fault.TLSRefused, "agree on no TLS parameters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			conf := func(host string) *tls.Config {
				if c.server == nil {
					return nil
				}
				return c.server(t, w, host)
			}
			w.serve(instanceHost, conf(instanceHost), okHandler())
			if c.server == nil {
				w.serve(pubsubHost, nil, okHandler())
			} else {
				w.serveTopics(conf(pubsubHost))
			}
			for name, err := range map[string]error{"data": get(w.org(w.config())), "pubsub": topic(w.org(w.config()))} {
				expect(t, name, err, c.want, c.advice)
			}
			w.serve(loginHost, conf(loginHost), w.login())
			expect(t, "sign-in", signIn(w.org(w.config())), c.want, c.advice)
		})
	}
}

// expect holds an error against a code and a part of its advice, and checks
// that it names no host.
func expect(t *testing.T, what string, err, want error, advice string) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("%s: %v, want success", what, err)
		}
		return
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), advice) {
		t.Errorf("%s: %v, want %v with %q", what, err, want, advice)
	}
	if err != nil && (strings.Contains(err.Error(), "CANARY93") || strings.Contains(err.Error(), "acme") || strings.Contains(err.Error(), "127.0.0.1")) {
		t.Errorf("%s: the error says too much: %v", what, err)
	}
}

func okHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("{}")) })
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, to string }{
		{"to http", "http://" + instanceHost + "/services/data/v67.0/limits"},
		{"to another host", "https://evil.example.com/services/data/v67.0/limits"},
		{"to the same host", "/services/data/v67.0/limits"},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				var followed atomic.Int64
				count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) })
				var first atomic.Int64
				redirect := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if first.Add(1) > 1 {
						followed.Add(1)
					}
					http.Redirect(rw, r, c.to, status)
				})
				w.serve("evil.example.com", w.tls("evil.example.com"), count)
				w.serve(instanceHost, w.tls(instanceHost), redirect)
				expect(t, "data", get(w.org(w.config())), fault.RedirectRefused, "none is followed")
				first.Store(0)
				w.serve(pubsubHost, w.tls(pubsubHost), redirect)
				if err := topic(w.org(w.config())); grpcstatus.Code(err) != codes.Unknown { // gRPC has no redirects
					t.Errorf("pubsub: %v, want %s", err, codes.Unknown)
				}
				first.Store(0)
				w.serve(loginHost, w.tls(loginHost), redirect)
				expect(t, "sign-in", signIn(w.org(w.config())), fault.RedirectRefused, "none is followed")
				if n := followed.Load(); n != 0 {
					t.Errorf("%d redirects were followed", n)
				}
			})
		}
	}
}

func TestTLS12Exception(t *testing.T) {
	t.Parallel()
	except := func(host string) []salesforce.TLS12Exception {
		return []salesforce.TLS12Exception{{Host: host, Reason: "moves to Hyperforce in May", Until: time.Now().Add(time.Hour)}}
	}
	for _, c := range []struct {
		name   string
		except []salesforce.TLS12Exception
		max    uint16
		suites []uint16
		want   error
		events int
	}{
		{"ECDHE with GCM", except(instanceHost), tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, nil, 1},
		{"upper-case host", except(strings.ToUpper(instanceHost)), tls.VersionTLS12, nil, nil, 1},
		{"CBC", except(instanceHost), tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, fault.TLSRefused, 0},
		{"TLS 1.1", except(instanceHost), tls.VersionTLS11, nil, fault.TLSRefused, 0},
		{"not needed", except(instanceHost), tls.VersionTLS13, nil, nil, 0},
		{"of another host", except(loginHost), tls.VersionTLS12, nil, fault.TLSRefused, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			conf := w.tls(instanceHost)
			conf.MinVersion, conf.MaxVersion, conf.CipherSuites = tls.VersionTLS10, c.max, c.suites
			w.serve(instanceHost, conf, okHandler())
			cfg := w.config()
			cfg.TLS12 = c.except
			org := w.org(cfg)
			var events atomic.Int64
			org.Observe(func(e salesforce.Event) {
				if e.Kind == salesforce.UsedTLS12 && e.Host == instanceHost && e.Reason != "" && !e.Until.IsZero() {
					events.Add(1)
				}
			})
			expect(t, "data", get(org), c.want, "")
			if n := events.Load(); n != int64(c.events) {
				t.Errorf("%d events, want %d", n, c.events)
			}
		})
	}
}

// TestTLS12ExceptionEnds waits for a connection to be closed when its exception
// ends, and sees that no new one is made.
func TestTLS12ExceptionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conf := w.tls(instanceHost)
	conf.MinVersion, conf.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	entered, release := make(chan struct{}), make(chan struct{})
	w.serve(instanceHost, conf, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
	}))
	defer close(release)
	cfg := w.config()
	cfg.TLS12 = []salesforce.TLS12Exception{{Host: instanceHost, Reason: "test", Until: time.Now().Add(time.Second)}}
	org := w.org(cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := org.Do(ctx, salesforce.Request{Method: http.MethodPost, Path: "limits"})
	select {
	case <-entered:
	default:
		t.Fatalf("the connection was not made: %v", err)
	}
	if !errors.Is(err, fault.Unavailable) || time.Now().Before(cfg.TLS12[0].Until) {
		t.Errorf("call under way when the exception ended: %v", err)
	}
	expect(t, "after the end", get(org), fault.TLSRefused, "does not offer TLS 1.3")
}

// TestFinishedConnection is the second check alone, as it stands when the
// tls.Config has let something through.
func TestFinishedConnection(t *testing.T) {
	t.Parallel()
	verified := [][]*x509.Certificate{{newAuthority(t).cert}}
	for _, c := range []struct {
		name  string
		state tls.ConnectionState
		want  error
	}{
		{"as it should be", tls.ConnectionState{Version: tls.VersionTLS13, VerifiedChains: verified}, nil},
		{"older", tls.ConnectionState{Version: tls.VersionTLS12, VerifiedChains: verified}, fault.TLSRefused},
		{"not verified", tls.ConnectionState{Version: tls.VersionTLS13}, fault.TLSRefused},
	} {
		if err := salesforce.Accept(salesforce.Config{}, instanceHost, c.state); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve(instanceHost, w.tls(instanceHost), okHandler())
	w.serveTopics(w.tls(pubsubHost))
	good := sha256.Sum256(w.ca.cert.RawSubjectPublicKeyInfo)
	for _, c := range []struct {
		name string
		pins [][sha256.Size]byte
		want error
	}{
		{"none", nil, nil},
		{"the authority's", [][sha256.Size]byte{{1}, good}, nil},
		{"another", [][sha256.Size]byte{{1}}, fault.TLSRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := w.config()
			cfg.Pins = map[string][][sha256.Size]byte{instanceHost: c.pins, pubsubHost: c.pins}
			expect(t, "data", get(w.org(cfg)), c.want, "")
			expect(t, "pubsub", topic(w.org(cfg)), c.want, "")
		})
	}
}

func TestRootsByHost(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newAuthority(t)
	conf := &tls.Config{Certificates: []tls.Certificate{other.issue(t, instanceHost, nil)}}
	w.serve(instanceHost, conf, okHandler())
	cfg := w.config()
	expect(t, "without its root", get(w.org(cfg)), fault.TLSRefused, "not trusted")
	cfg.Roots = map[string]*x509.CertPool{"": w.ca.pool, instanceHost: other.pool}
	expect(t, "with its root", get(w.org(cfg)), nil, "")
	cfg.Roots = map[string]*x509.CertPool{"": other.pool, instanceHost: other.pool}
	expect(t, "root of another host", get(w.org(cfg)), fault.TLSRefused, "not trusted")
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conf := w.tls(instanceHost)
	conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, w.ca.pool
	w.serve(instanceHost, conf, okHandler())
	cfg := w.config()
	if err := get(w.org(cfg)); err == nil {
		t.Error("without a certificate the call succeeded")
	}
	mine := w.ca.issue(t, "sync.example.com", nil)
	cfg.Certificate = &mine
	expect(t, "with a certificate", get(w.org(cfg)), nil, "")
}
