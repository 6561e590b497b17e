package salesforce

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/sfsync/sfsync-go/internal/retry"
)

// Org is one Salesforce org, as one integration user sees it. All methods may be
// called from several goroutines. Who made it calls Close.
type Org struct{ *org } // a pointer, which fmt prints as one inside other structs

type org struct {
	cfg     Config
	http    *http.Transport
	limiter *retry.Limiter
	retry   retry.Policy
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)

	life    context.Context // ends at Close
	stop    context.CancelFunc
	running sync.WaitGroup // sign-ins

	mu struct {
		sync.Mutex
		current   *session
		pinned    Identity  // first seen: OrgID and InstanceURL
		flight    *flight   // the sign-in under way, or nil
		refused   error     // why the last sign-in failed, or nil
		refusedTo time.Time // until when none is tried
		conn      *grpc.ClientConn
		observers []func(Event)
	}
	usage     atomic.Pointer[Usage]
	connFault atomic.Pointer[noted] // why gRPC has no connection
}

// New checks the configuration and returns an org that is not signed in yet.
// It does no I/O. The fault is fault.ConfigInvalid and names the setting.
func New(cfg Config) (*Org, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	o := &Org{&org{cfg: cfg, limiter: retry.NewLimiter(cfg.RequestsPerSecond)}}
	o.dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	o.life, o.stop = context.WithCancel(context.Background())
	o.http = &http.Transport{
		DialTLSContext:        o.dialTLS,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: longestCall,
	}
	return o, nil
}

// Close ends what is under way and closes every connection. It does not revoke
// the token; see [Org.Revoke].
func (o *Org) Close() error {
	o.stop()
	o.running.Wait()
	o.mu.Lock()
	conn := o.mu.conn
	o.mu.conn, o.mu.current = nil, nil
	o.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	o.http.CloseIdleConnections()
	return nil
}

// Format prints no field; fmt would walk into live connections.
func (o *Org) Format(f fmt.State, verb rune) { io.WriteString(f, "salesforce.Org") }

// OrgID is the 18-character id that was configured or first seen, or "" before
// the first sign-in if none was configured.
func (o *Org) OrgID() string {
	if o.cfg.OrgID != "" {
		return o.cfg.OrgID
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.pinned.OrgID
}

// APIVersion is the REST and Bulk version in use, such as "67.0".
func (o *Org) APIVersion() string { return o.cfg.APIVersion }

// EventKind says what an Event reports.
type EventKind string

// The kinds of Event.
const (
	SignedIn  EventKind = "sign_in"         // the first session
	Refreshed EventKind = "refresh"         // a session that replaces an expired one
	Refused   EventKind = "sign_in_refused" // one that failed; Err says why
	Revoked   EventKind = "revoke"          // by Org.Revoke
	UsedTLS12 EventKind = "tls12"           // a connection under an exception
)

// Event is something that an auditor asks about. It holds no token.
type Event struct {
	Time     time.Time
	Kind     EventKind
	Identity Identity  // of sign-in, refresh and revoke
	Host     string    // of tls12: the host dialled
	Reason   string    // of tls12: the exception's
	Until    time.Time // of tls12: when the connection is closed
	Err      error     // of sign_in_refused
}

// Observe adds a function that is called with every event, at the time and in
// the goroutine in which it happens: the call or connection waits for it. It
// must not call the Org.
func (o *Org) Observe(f func(Event)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.observers = append(o.mu.observers, f)
}

func (o *Org) report(e Event) {
	e.Time = time.Now()
	o.mu.Lock()
	observers := slices.Clone(o.mu.observers)
	o.mu.Unlock()
	for _, f := range observers {
		f(e)
	}
	if o.cfg.Logger == nil {
		return
	}
	level := slog.LevelInfo
	if e.Kind == Refused || e.Kind == UsedTLS12 {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("org", e.Identity.OrgID), slog.String("tls", e.Identity.TLS), slog.String("host", e.Host)}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("error", e.Err))
	}
	o.cfg.Logger.LogAttrs(context.Background(), level, "salesforce "+string(e.Kind), attrs...)
}

// Usage is how much of the daily API allocation is used, as the last answer
// said (header Sforce-Limit-Info; REST API guide, "Limit Info Header").
type Usage struct {
	Used, Max int
	At        time.Time
}

// Usage returns the zero value before the first answer that says.
func (o *Org) Usage() Usage {
	if u := o.usage.Load(); u != nil {
		return *u
	}
	return Usage{}
}

// noteUsage reads "api-usage=10018/100000", which other entries may follow.
func (o *Org) noteUsage(header string) {
	entry, _, _ := strings.Cut(header, ";")
	counts, ok := strings.CutPrefix(strings.TrimSpace(entry), "api-usage=")
	used, limit, found := strings.Cut(counts, "/")
	if !ok || !found {
		return
	}
	u, err1 := strconv.Atoi(used)
	m, err2 := strconv.Atoi(limit)
	if err1 == nil && err2 == nil {
		o.usage.Store(&Usage{Used: u, Max: m, At: time.Now()})
	}
}

// hostOf returns the host name of a URL or host:port, in lower case.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return strings.ToLower(u.Hostname())
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		return strings.ToLower(host)
	}
	return strings.ToLower(address)
}
