package salesforcetest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong with HTTP calls. The zero values of
// Method, Path and Match match every call; of the rest, do nothing.
type Fault struct {
	Method string                   // such as "POST"
	Path   string                   // what the path must contain, such as "/query" or "/services/oauth2/token"
	Match  func(*http.Request) bool // or anything else; called without locks held

	// Nth is the first matching call that it happens to; 0 is the first.
	Nth int
	// Times is how many calls in a row it happens to; 0 is one, below 0 all.
	Times int

	// Delay comes first, Hold second: the call waits until the channel closes.
	Delay time.Duration
	Hold  <-chan struct{}

	// Refuse answers without doing what was asked, as the service refuses.
	// Retry-After, which the data API does not document, goes into Header.
	Refuse Refusal
	// Status answers without doing what was asked, with Body or, if that is
	// empty, an error body of Code.
	Status int
	Code   string
	Body   string
	Header http.Header // added to the answer, whoever makes it

	// Cut breaks the connection after so many bytes of the body; below 0 it
	// breaks before the answer. What was asked is done all the same.
	Cut int
	// Truncate ends the answer after so many bytes as if it were whole. With
	// a client that asks for gzip it is the gzip stream that is cut.
	Truncate int
	// Twice has the call done twice, as by a proxy that repeats it, with the
	// answer of the second time.
	Twice bool
	// Rewrite changes the body, which is not compressed then.
	Rewrite func(body []byte) []byte
}

type faults struct {
	mu   sync.Mutex
	list []*armed
}

type armed struct {
	Fault
	seen, left int
}

// Intercept arms a fault and returns what disarms it.
func (o *Org) Intercept(f Fault) (disarm func()) {
	a := &armed{Fault: f, left: f.Times}
	if f.Times == 0 {
		a.left = 1
	}
	o.faults.mu.Lock()
	defer o.faults.mu.Unlock()
	o.faults.list = append(o.faults.list, a)
	return func() {
		o.faults.mu.Lock()
		defer o.faults.mu.Unlock()
		a.left = 0
	}
}

// find is the first armed fault that a call meets, or nil.
func (fs *faults) find(r *http.Request) *Fault {
	fs.mu.Lock()
	list := fs.list
	fs.mu.Unlock()
	for _, a := range list {
		if a.Method != "" && a.Method != r.Method || !strings.Contains(r.URL.Path, a.Path) || a.Match != nil && !a.Match(r) {
			continue
		}
		if fs.happens(a) {
			return &a.Fault
		}
	}
	return nil
}

func (fs *faults) happens(a *armed) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	a.seen++
	if a.left == 0 || a.seen < a.Nth {
		return false
	}
	if a.left > 0 {
		a.left--
	}
	return true
}

// intercepted puts the faults before a handler.
func (o *Org) intercepted(handler http.HandlerFunc) http.HandlerFunc {
	next := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", o.now().UTC().Format(http.TimeFormat)) // of the org's clock
		handler(w, r)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if !o.api.enter(r) {
			ConcurrentLimit.answer(w)
			return
		}
		defer o.api.leave(r)
		f := o.faults.find(r)
		if f == nil {
			next(w, r)
			return
		}
		if f.wait(r) != nil {
			return
		}
		for name, values := range f.Header {
			w.Header()[name] = values
		}
		answer := next
		if f.Status != 0 || f.Refuse != 0 {
			answer = f.answer
			w.Header().Set("Sforce-Limit-Info", o.api.info(o.cfg))
		}
		if f.Twice {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			answer(nowhere{}, r)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if f.Cut == 0 && f.Truncate == 0 && f.Rewrite == nil {
			answer(w, r)
			return
		}
		if f.Rewrite != nil {
			r.Header.Del("Accept-Encoding")
		}
		d := &damaged{ResponseWriter: w, fault: f}
		answer(d, r)
		d.finish()
	}
}

func (f *Fault) wait(r *http.Request) error {
	if f.Delay > 0 {
		if err := pause(r.Context(), f.Delay); err != nil {
			return err
		}
	}
	if f.Hold != nil {
		select {
		case <-f.Hold:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	return nil
}

func (f *Fault) answer(w http.ResponseWriter, _ *http.Request) {
	if f.Refuse != 0 {
		f.Refuse.answer(w)
		return
	}
	body := f.Body
	if body == "" && f.Code != "" {
		body = `[{"message":"` + f.Code + `","errorCode":"` + f.Code + `"}]`
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(body))
}

// nowhere takes an answer that nobody gets.
type nowhere http.Header

func (n nowhere) Header() http.Header         { return http.Header(n) }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// damaged is an answer that a fault cuts, ends early or rewrites.
type damaged struct {
	http.ResponseWriter
	fault *Fault
	sent  int
	body  []byte
}

func (d *damaged) Write(b []byte) (int, error) {
	if d.fault.Rewrite != nil {
		d.body = append(d.body, b...)
		return len(b), nil
	}
	limit := max(d.fault.Cut, d.fault.Truncate, 0)
	if keep := max(0, limit-d.sent); len(b) > keep {
		_, _ = d.ResponseWriter.Write(b[:keep])
		d.sent = limit
		d.cut()
		return len(b), nil
	}
	d.sent += len(b)
	return d.ResponseWriter.Write(b)
}

// cut breaks the connection, once what came before has left.
func (d *damaged) cut() {
	if d.fault.Cut == 0 {
		return
	}
	if d.fault.Cut > 0 {
		_ = http.NewResponseController(d.ResponseWriter).Flush()
	}
	panic(http.ErrAbortHandler)
}

func (d *damaged) finish() {
	if d.fault.Rewrite != nil {
		_, _ = d.ResponseWriter.Write(d.fault.Rewrite(d.body))
	}
	if d.fault.Cut < 0 {
		panic(http.ErrAbortHandler)
	}
}
