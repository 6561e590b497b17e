package bulk

import (
	"context"
	"io"
	"sync"

	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

const (
	chunkSize   = 256 << 10
	chunksAhead = 32 // 8 MiB a download
)

// fetch is one page on its way. The worker writes chunks and err; the loop reads
// them, by Read, and says by Close that it wants no more.
type fetch struct {
	page   Page
	chunks chan []byte
	err    error // valid once chunks is closed
	free   chan []byte
	closed chan struct{}
	once   sync.Once

	chunk, rest []byte // being read by the loop
}

// fetch downloads a page and offers it to the loop as soon as it is whole or as
// far ahead as it may be, so that the loop gets those first that it need not
// wait for. A body that breaks off is the page's error, not the download's.
func (j *Jobs) fetch(ctx context.Context, job Job, l Link, free chan []byte, ready chan<- *fetch) error {
	page, body, err := j.open(ctx, job, l.Locator, salesforce.Request{Path: l.url})
	if err != nil {
		return err
	}
	defer body.Close()
	f := &fetch{page: page, chunks: make(chan []byte, chunksAhead), free: free, closed: make(chan struct{})}
	offer := sync.OnceValue(func() error {
		select {
		case ready <- f:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	defer close(f.chunks)
	for f.err == nil {
		chunk := f.take()
		n, err := fill(body, chunk)
		f.err = err
		select {
		case f.chunks <- chunk[:n]:
			continue
		default:
		}
		if err := offer(); err != nil {
			return err
		}
		select {
		case f.chunks <- chunk[:n]:
		case <-f.closed:
			return nil
		case <-ctx.Done():
			f.err = context.Cause(ctx)
			return f.err
		}
	}
	return offer()
}

// take returns a chunk to read into, a used one if there is one.
func (f *fetch) take() []byte {
	select {
	case chunk := <-f.free:
		return chunk[:chunkSize]
	default:
		return make([]byte, chunkSize)
	}
}

// fill reads until the chunk is full or the body ends.
func fill(body io.Reader, chunk []byte) (n int, err error) {
	for n < len(chunk) && err == nil {
		var m int
		m, err = body.Read(chunk[n:])
		n += m
	}
	return n, err
}

// Read is for the loop.
func (f *fetch) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		f.give()
		chunk, ok := <-f.chunks
		if !ok {
			return 0, f.err
		}
		f.chunk, f.rest = chunk, chunk
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// give hands the chunk that was read back to the workers.
func (f *fetch) give() {
	if f.chunk == nil {
		return
	}
	select {
	case f.free <- f.chunk:
	default:
	}
	f.chunk = nil
}

// Close tells the worker to stop. It is for the loop.
func (f *fetch) Close() { f.once.Do(func() { close(f.closed) }) }
