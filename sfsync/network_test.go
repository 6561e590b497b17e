package sfsync_test

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/test/bufconn"

	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// network is a loopback in memory, with TLS and HTTP/2 above it as ever. Who
// waits for it is durably blocked, so that the clock of a synctest bubble moves
// on; a real socket would make it stand still.
type network struct {
	mu    sync.Mutex
	hosts map[string]*bufconn.Listener // by port
	open  []*line                      // since all lines were last cut or muted
	down  bool
}

// listener has an address as the test org needs one for its URLs.
type listener struct {
	*bufconn.Listener
	port int
}

func (l listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.port} }

func (n *network) listen(int) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := listener{bufconn.Listen(1 << 18), 1 + len(n.hosts)}
	if n.hosts == nil {
		n.hosts = map[string]*bufconn.Listener{}
	}
	n.hosts[strconv.Itoa(l.port)] = l.Listener
	return l, nil
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	host, down := n.hosts[port], n.down
	n.mu.Unlock()
	if host == nil || down {
		return nil, errors.New("no route to host")
	}
	conn, err := host.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &line{Conn: conn}
	n.open = append(n.open, l)
	return l, nil
}

// fail cuts every connection, and refuses new ones until restore.
func (n *network) fail() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
	for _, conn := range n.open {
		conn.Close()
	}
	n.open = nil
}

func (n *network) restore() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
}

// mute lets nothing more pass on the connections there are, without a word to
// either end, as where a firewall has forgotten them.
func (n *network) mute() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.open {
		l.muted.Store(true)
	}
	n.open = nil
}

// line is the client's end of a connection.
type line struct {
	net.Conn
	muted atomic.Bool
}

func (l *line) Read(p []byte) (int, error) {
	for {
		if n, err := l.Conn.Read(p); err != nil || !l.muted.Load() {
			return n, err
		}
	}
}

func (l *line) Write(p []byte) (int, error) {
	if l.muted.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// use makes a client reach its hosts over the network. Nothing but this test
// has use for that, so the client has no setting for it; reflection fails loudly
// where the field is renamed. TLS is the client's own, with all of its checks.
func (n *network) use(client *salesforce.Org) {
	field := reflect.ValueOf(client).Elem().FieldByName("dial")
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(reflect.ValueOf(n.dial))
}
