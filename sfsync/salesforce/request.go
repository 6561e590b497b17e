package salesforce

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const (
	userAgent = "sfsync"
	// longestCall is Salesforce's own limit on a REST call (REST API guide, "API
	// Request Limits and Allocations").
	longestCall = 10 * time.Minute
)

// Request is one HTTP call to the org.
type Request struct {
	// Method is GET if empty.
	Method string
	// Path is relative to the versioned root, such as "jobs/query", or a link that
	// the org sent, such as "/services/data/v67.0/query/01g…-2000". It may carry a
	// query. Nothing but a path below /services/data/vNN.0/ is accepted; names put
	// into it must be escaped by the caller.
	Path string
	// Query is added to the path's own. Never put values of records here: URLs are
	// logged on the way.
	Query url.Values
	// Header is sent as it is; Authorization is set here.
	Header http.Header
	// Body is sent with Content-Type application/json unless Header has another.
	Body []byte
	// Repeatable says that a call which is no GET may be made again after a
	// passing fault: it reads, or making it twice does no harm.
	Repeatable bool
}

// Do makes a call and returns a 2xx answer, whose body the caller closes and
// bounds. It signs in if need be, signs the call, and after a 401 signs in anew
// and calls once more. A GET or repeatable call is made again after passing
// faults; throttling holds back every call. Errors, also those of reading the
// body, are fault.Errors: fault.Truncated where the body broke off.
//
// The body is decompressed. It may be read for as long as ctx lives, if it does
// not stall for two minutes.
func (o *Org) Do(ctx context.Context, r Request) (*http.Response, error) {
	var answer *http.Response
	err := o.repeat(ctx, r, func(resp *http.Response) error {
		answer = resp
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Read is Do for an answer of at most limit bytes, which it returns with the
// header. A repeatable call whose answer breaks off is made again; where only
// the connection's end ends an answer, it must be JSON to count as whole. A
// longer answer is fault.TooLarge.
func (o *Org) Read(ctx context.Context, r Request, limit int64) (body []byte, header http.Header, err error) {
	err = o.repeat(ctx, r, func(resp *http.Response) (err error) {
		header = resp.Header
		body, err = readAll(resp, limit)
		if err == nil && openEnded(resp) && !json.Valid(body) {
			err = fault.New(fault.Truncated, "salesforce.Do", "the answer broke off; make the call again")
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return body, header, nil
}

// openEnded reports whether only the end of the connection ended the body, as
// HTTP/1 allows (RFC 9112, section 6.3): one that was cut looks whole then.
func openEnded(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && !resp.Uncompressed
}

func (o *Org) repeat(ctx context.Context, r Request, use func(*http.Response) error) error {
	target, err := o.target(r)
	if err != nil {
		return err
	}
	attempt := func(ctx context.Context) error {
		resp, err := o.attempt(ctx, r, target)
		if err != nil {
			return err
		}
		return use(resp)
	}
	if r.Method == "" || r.Method == http.MethodGet || r.Repeatable {
		return o.retry.Do(ctx, attempt)
	}
	return attempt(ctx)
}

// attempt makes the call, and once more with a new session if the org no longer
// accepts the one used: such a call had no effect.
func (o *Org) attempt(ctx context.Context, r Request, target string) (*http.Response, error) {
	s, err := o.session(ctx, nil)
	if err != nil {
		return nil, err
	}
	resp, err := o.call(ctx, s, r, target)
	if fault.CodeOf(err) != fault.SessionExpired {
		return resp, err
	}
	if s, err = o.session(ctx, s); err != nil {
		return nil, err
	}
	return o.call(ctx, s, r, target)
}

func (o *Org) call(ctx context.Context, s *session, r Request, target string) (*http.Response, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, s.identity.InstanceURL+target, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fault.New(fault.RequestInvalid, "salesforce.Do", "the path or method cannot be sent; escape names in it")
	}
	if len(r.Body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Authorization", "Bearer "+s.token.Reveal())
	// Change events of our own writes carry this client id in changeOrigin
	// (Change Data Capture guide, "Change Event Header Fields").
	req.Header.Set("Sforce-Call-Options", "client=sfsync")
	return o.send(req)
}

// send makes one HTTP exchange. It uses the transport itself: no http.Client,
// which would follow redirects, keep cookies and print the URL in its errors.
func (o *Org) send(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := o.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	if o.life.Err() != nil {
		return nil, errClosed()
	}
	if m := meterOf(ctx); m != nil {
		if err := m.Call(ctx); err != nil {
			return nil, err
		}
	}
	// Event Monitoring shows this id as REQUEST_ID, which tells our calls from
	// those of a thief with our token.
	id := requestID()
	req.Header.Set("X-SFDC-REQUEST-ID", id)
	req.Header.Set("User-Agent", userAgent)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(o.life, func() { cancel(errClosed()) })
	end := func() { stop(); cancel(nil) }
	resp, err := o.http.RoundTrip(req.WithContext(ctx))
	if err != nil {
		defer end()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fault.Wrap(err, fault.Unavailable, "salesforce.Do", "the org did not answer; try again later")
	}
	o.noteUsage(resp.Header.Get("Sforce-Limit-Info"))
	resp.Body = newBody(resp.Body, ctx, cancel, end)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	return nil, o.refuse(resp, id)
}

// refuse turns an answer that is no success into a fault and holds other calls
// back if the org asked for that.
func (o *Org) refuse(resp *http.Response, id string) error {
	body, _ := readAll(&http.Response{Body: struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, longestError), resp.Body}}, longestError)
	e := Refusal(resp.StatusCode, body).Request(id)
	if wait := retryAfter(resp.Header.Get("Retry-After"), time.Now()); wait > 0 {
		e.After(wait)
	}
	if e.Code() == fault.Throttled {
		o.limiter.Pause(min(max(e.RetryAfter(), time.Second), longestPause))
	}
	return e
}

// link is what a path to the data API looks like, ours or a server's.
var link = regexp.MustCompile(`^/services/data/v[1-9][0-9]{1,2}\.0/[^\\]*$`)

// target returns the path and query of a request, or refuses it.
func (o *Org) target(r Request) (string, error) {
	text := r.Path
	if !strings.HasPrefix(text, "/") {
		text = "/services/data/v" + o.cfg.APIVersion + "/" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Fragment != "" || u.Opaque != "" ||
		!link.MatchString(u.Path) || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") {
		return "", fault.New(fault.HostRefused, "salesforce.Do", "the link is not a path below /services/data; do not follow it")
	}
	query := u.RawQuery
	if extra := r.Query.Encode(); extra != "" {
		query = strings.TrimPrefix(query+"&"+extra, "&")
	}
	if query == "" {
		return u.EscapedPath(), nil
	}
	return u.EscapedPath() + "?" + query, nil
}

// requestID is 32 hexadecimal digits that nobody can guess.
func requestID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
