package salesforcetest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"
)

// connections are the open connections of the Pub/Sub listener, to be cut.
type connections struct {
	mu   sync.Mutex
	open map[*connection]struct{}
	cuts int
}

// broken is how often connections were cut.
func (c *connections) broken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

func (c *connections) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cuts++
	for conn := range c.open {
		_ = conn.Conn.Close() // the reader finds out
	}
}

// delayedListener accepts connections that can be cut and that are as slow as
// the settings say.
type delayedListener struct {
	net.Listener
	bus   *eventBus
	conns *connections
}

func (l *delayedListener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: inner, all: l.conns, done: make(chan struct{})}
	if delay := l.bus.settings().RoundTrip / 2; delay > 0 {
		c.in, c.out = newDelay(delay, c.done), newDelay(delay, c.done)
		go c.fill()
		go c.drain()
	}
	l.conns.mu.Lock()
	defer l.conns.mu.Unlock()
	l.conns.open[c] = struct{}{}
	return c, nil
}

// connection moves bytes on after a delay without slowing their rate: any
// number of requests and answers can be on the way at once.
type connection struct {
	net.Conn
	all     *connections
	in, out *delay // nil without a delay
	rest    bytes.Buffer
	once    sync.Once
	done    chan struct{}
}

func (c *connection) Read(p []byte) (int, error) {
	if c.in == nil {
		return c.Conn.Read(p)
	}
	if c.rest.Len() == 0 {
		chunk, ok := c.in.take()
		if !ok {
			return 0, io.EOF
		}
		c.rest.Write(chunk)
	}
	return c.rest.Read(p)
}

func (c *connection) Write(p []byte) (int, error) {
	if c.out == nil {
		return c.Conn.Write(p)
	}
	if !c.out.put(p) {
		return 0, net.ErrClosed
	}
	return len(p), nil
}

func (c *connection) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		delete(c.all.open, c)
	})
	return c.Conn.Close()
}

// fill reads what arrives until the connection ends.
func (c *connection) fill() {
	defer close(c.in.chunks)
	buffer := make([]byte, 1<<16)
	for {
		n, err := c.Conn.Read(buffer)
		if n > 0 && !c.in.put(buffer[:n]) || err != nil {
			return
		}
	}
}

// drain writes what is due.
func (c *connection) drain() {
	for {
		chunk, ok := c.out.take()
		if !ok {
			return
		}
		if _, err := c.Conn.Write(chunk); err != nil {
			return
		}
	}
}

// delay hands chunks of bytes on a fixed time after they came.
type delay struct {
	by     time.Duration
	chunks chan chunk
	done   <-chan struct{}
}

type chunk struct {
	due  time.Time
	data []byte
}

func newDelay(by time.Duration, done <-chan struct{}) *delay {
	return &delay{by, make(chan chunk, 4096), done}
}

func (d *delay) put(p []byte) bool {
	select {
	case d.chunks <- chunk{time.Now().Add(d.by), bytes.Clone(p)}:
		return true
	case <-d.done:
		return false
	}
}

func (d *delay) take() ([]byte, bool) {
	select {
	case c, ok := <-d.chunks:
		if !ok {
			return nil, false
		}
		select {
		case <-time.After(time.Until(c.due)):
			return c.data, true
		case <-d.done:
			return nil, false
		}
	case <-d.done:
		return nil, false
	}
}
