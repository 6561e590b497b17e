package salesforce_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// data makes a world whose instance answers with h, and an org in it.
func data(t testing.TB, h http.HandlerFunc) *salesforce.Org {
	t.Helper()
	w := newWorld(t)
	w.serve(instanceHost, w.tls(instanceHost), h)
	return w.org(w.config())
}

func TestDoSends(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	org := data(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := r.Header.Get("X-Sfdc-Request-Id")
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || ids[id] {
			t.Errorf("request id %q", id)
		}
		ids[id] = true
		if r.Method != "PATCH" || r.URL.String() != "/services/data/v67.0/jobs/query/1%2F2?a=b&c=d%20e&x=y+z" || string(body) != "body" ||
			r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("Sforce-Call-Options") != "client=sfsync" ||
			r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "text/csv" || r.ProtoMajor != 2 {
			t.Errorf("%s %s %s %v", r.Proto, r.Method, r.URL, r.Header)
		}
		w.Header().Set("Sforce-Limit-Info", "api-usage=18/5000; per-app-api-usage=17/250(appName=x)")
		w.Write([]byte("answer"))
	})
	for range 2 {
		resp, err := org.Do(t.Context(), salesforce.Request{Method: "PATCH", Path: "jobs/query/1%2F2?a=b&c=d%20e", Query: map[string][]string{"x": {"y z"}},
			Header: http.Header{"accept": {"text/csv"}}, Body: []byte("body")})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); string(got) != "answer" || err != nil {
			t.Errorf("answer %q, %v", got, err)
		}
		resp.Body.Close()
	}
	if u := org.Usage(); u.Used != 18 || u.Max != 5000 || u.At.IsZero() {
		t.Errorf("usage %+v", u)
	}
}

// TestDoRefusesLinks: whatever a server sends as a link, a token goes nowhere
// but to the data API.
func TestDoRefusesLinks(t *testing.T) {
	t.Parallel()
	org := data(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked for", r.URL) })
	for _, link := range []string{
		"https://evil.example.com/services/data/v67.0/query/1", "//evil.example.com/services/data/v67.0/x", "///evil.example.com/x",
		"/services/oauth2/token", "/secur/frontdoor.jsp", "/services/data/", "/services/data/v67.0", "/services/data/vX/query",
		"/services/data/v67.0/../../../secur/frontdoor.jsp", "/services/data/v67.0/%2e%2e/%2e%2e/x", "../oauth2/token", "query/../../..",
		"/services/data/v67.0//x", `/services/data/v67.0/\evil`, "/services/data/v67.0/x#y", "/services/data/v67.0/%zz", "/services/data/v67.0/a\r\nb",
	} {
		_, err := org.Do(t.Context(), salesforce.Request{Path: link})
		if !errors.Is(err, fault.HostRefused) {
			t.Errorf("%q: %v, want it refused", link, err)
		}
	}
}

// TestRefusals holds answers against the faults that must come of them, and the
// number of calls made.
func TestRefusals(t *testing.T) {
	t.Parallel()
	says := func(code string) string {
		return `[{"message":"CANARY93 alice@example.com","errorCode":"` + code + `","fields":["CANARY93"]}]`
	}
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   error
		calls  int64
	}{
		{"session", 401, says("INVALID_SESSION_ID"), fault.SessionExpired, 2},
		{"identity service", 403, "Bad_OAuth_Token", fault.SessionExpired, 2},
		{"daily limit", 403, `[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]`, fault.LimitExceeded, 1},
		{"rate", 429, "CANARY93", fault.Throttled, 1},
		{"transaction security", 403, says("TXN_SECURITY_NO_ACCESS"), fault.Blocked, 1},
		{"access", 403, says("INSUFFICIENT_ACCESS_OR_READONLY"), fault.Denied, 1},
		{"API off", 403, says("API_DISABLED_FOR_ORG"), fault.Blocked, 1},
		{"API down", 500, says("API_CURRENTLY_DISABLED"), fault.Unavailable, 5},
		{"bare 403", 403, "CANARY93", fault.Denied, 1},
		{"not found", 404, says("NOT_FOUND"), fault.NotFound, 1},
		{"cursor gone", 400, says("INVALID_QUERY_LOCATOR"), fault.NotFound, 1},
		{"field", 400, says("INVALID_FIELD"), fault.FieldLost, 1},
		{"object", 400, says("INVALID_TYPE"), fault.ObjectLost, 1},
		{"query", 400, says("MALFORMED_QUERY"), fault.RequestInvalid, 1},
		{"row lock", 400, says("UNABLE_TO_LOCK_ROW"), fault.Conflict, 5},
		{"slow query", 400, says("QUERY_TIMEOUT"), fault.TooLarge, 1},
		{"version conflict", 409, "CANARY93", fault.RequestInvalid, 1},
		{"no route", 420, "CANARY93", fault.HostRefused, 1},
		{"server error", 500, says("UNKNOWN_EXCEPTION"), fault.Unavailable, 5},
		{"edge", 502, "<html>CANARY93</html>", fault.Unavailable, 5},
		{"unavailable", 503, says("SERVER_UNAVAILABLE"), fault.Unavailable, 5},
		{"several external ids", 300, `["/services/CANARY93"]`, fault.RequestInvalid, 1},
		{"empty list", 400, "[]", fault.RequestInvalid, 1},
		{"null", 400, "null", fault.RequestInvalid, 1},
		{"value for a code", 400, says("CANARY93"), fault.RequestInvalid, 1},
		{"endless body", 400, strings.Repeat("CANARY93", 1<<16), fault.RequestInvalid, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			org := data(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if c.want == fault.Throttled {
					w.Header().Set("Retry-After", "3600") // more than a call waits for
				}
				w.WriteHeader(c.status)
				w.Write([]byte(c.body))
			})
			err := get(org)
			expect(t, "call", err, c.want, "")
			var e *fault.Error
			if errors.As(err, &e) && e.HTTPStatus() != c.status {
				t.Errorf("status %d, want %d", e.HTTPStatus(), c.status)
			}
			if n := calls.Load(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

// TestConcurrentLimit: one error code for two limits, of which one passes.
func TestConcurrentLimit(t *testing.T) {
	t.Parallel()
	body := `[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded."}]`
	if e := salesforce.Refusal(403, []byte(body)); e.Code() != fault.Throttled {
		t.Error(e)
	}
}

// TestWritesAreNotRepeated: after a failure nobody knows whether it happened.
func TestWritesAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request salesforce.Request
		calls   int64
	}{
		{"GET", salesforce.Request{Path: "x"}, 5},
		{"POST", salesforce.Request{Method: "POST", Path: "x"}, 1},
		{"DELETE", salesforce.Request{Method: "DELETE", Path: "x"}, 1},
		{"repeatable POST", salesforce.Request{Method: "POST", Path: "x", Repeatable: true, Body: []byte("b")}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			org := data(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if body, _ := io.ReadAll(r.Body); !bytes.Equal(body, c.request.Body) {
					t.Errorf("body %q", body)
				}
				w.WriteHeader(503)
			})
			_, err := org.Do(t.Context(), c.request)
			expect(t, c.name, err, fault.Unavailable, "")
			if n := calls.Load(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

// TestBrokenAnswers: an answer that ends early is a fault, never a short answer.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, strings.Repeat("CANARY93 ", 100))
	z.Close()
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   error
		calls  int64
	}{
		{"whole gzip", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed.Bytes())
		}, nil, 1},
		{"truncated gzip", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed.Bytes()[:packed.Len()-9])
		}, fault.Truncated, 5},
		{"no gzip", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte("CANARY93"))
		}, fault.Truncated, 5},
		{"cut", func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("CANARY93"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, fault.Truncated, 5},
		{"cut before its length", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("CANARY93"))
		}, fault.Truncated, 5},
		{"nothing", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, fault.Unavailable, 5},
		{"too large", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 2000)) }, fault.TooLarge, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			org := data(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				c.answer(w, r)
			})
			expect(t, "call", get(org), c.want, "")
			if n := calls.Load(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

func TestCanceledWhileReading(t *testing.T) {
	t.Parallel()
	org := data(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := org.Do(ctx, salesforce.Request{Path: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.ReadFull(resp.Body, make([]byte, 1))
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, fault.Canceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
}

// TestStall: a body that sends nothing ends; one whose reader takes its time
// does not.
func TestStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		body := salesforce.Watched(t.Context(), r)
		defer body.Close()
		go w.Write([]byte("ab"))
		one := make([]byte, 1)
		time.Sleep(3 * salesforce.LongestStall)
		if _, err := body.Read(one); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * salesforce.LongestStall)
		if _, err := body.Read(one); err != nil {
			t.Fatal("a slow reader was cut off:", err)
		}
		start := time.Now()
		if _, err := body.Read(one); !errors.Is(err, fault.Timeout) || time.Since(start) != salesforce.LongestStall {
			t.Errorf("%v after %v, want a timeout after %v", err, time.Since(start), salesforce.LongestStall)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "x": 0, "86401": 24 * time.Hour, "99999999999": 24 * time.Hour,
		"Tue, 24 Nov 2026 12:00:30 GMT": 30 * time.Second, "Tue, 24 Nov 2026 11:00:00 GMT": 0,
		"Fri, 31 Dec 2100 23:59:59 GMT": 24 * time.Hour, "Fri, 31 Dec 9999 23:59:59 GMT": 24 * time.Hour,
	} {
		if got := salesforce.RetryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// FuzzErrorBody: no byte of an error body but its error code reaches the error.
// A digit never does, so a canary with digits must not either.
func FuzzErrorBody(f *testing.F) {
	for _, s := range [][2]string{
		{`[{"message":"`, `","errorCode":"INVALID_FIELD"}]`}, {`[{"errorCode":"`, `"}]`}, {`[{"statusCode":"TXN_SECURITY_`, `"}]`},
		{`{"error":"`, `"}`}, {`{"error":"invalid_grant","error_description":"`, `"}`}, {``, ``}, {`[`, `]`}, {`Bad_OAuth_Token`, ``},
		{`[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"Concurrent`, `"}]`}, {`[{"errorCode":["`, `"]}]`}, {`{"errorCode":`, `}`},
	} {
		for _, status := range []int{300, 307, 400, 401, 403, 404, 420, 503} {
			f.Add(status, s[0], s[1])
		}
	}
	f.Fuzz(func(t *testing.T, status int, before, after string) {
		e := salesforce.Refusal(status, []byte(before+"CANARY93"+after))
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v %#v %q", e, e, e), e.LogValue().String(), e.ServerCode()} {
			if strings.Contains(text, "CANARY93") || strings.Contains(text, "93") && !strings.Contains(fmt.Sprint(status), "93") {
				t.Errorf("the body shows: %s", text)
			}
		}
		if e.Code() == "" || len(e.Error()) > 400 {
			t.Errorf("no sensible error: %v", e)
		}
	})
}

// FuzzTokenResponse: what is accepted can be sent and names an org; what is not
// does not show.
func FuzzTokenResponse(f *testing.F) {
	f.Add([]byte(`{"access_token":"00DAA0000000001!x","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00DAA0000000001/005AA0000000001","scope":"api","issued_at":"1"}`))
	f.Add([]byte(`{"access_token":"a\nb","instance_url":"http://x","id":"/id/x/y"}`))
	f.Add([]byte(`{"access_token":1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		id, token, err := salesforce.ReadToken(body)
		if err != nil {
			if fault.CodeOf(err) == "" || len(err.Error()) > 200 {
				t.Errorf("no sensible error: %v", err)
			}
			return
		}
		if strings.ContainsAny(token.Reveal(), "\r\n\x00 ") || token.IsZero() {
			t.Errorf("the token cannot be sent: %q", token.Reveal())
		}
		if !regexp.MustCompile(`^00D[0-9A-Za-z]{15}$`).MatchString(id.OrgID) || len(id.UserID) != 18 || !strings.HasPrefix(id.InstanceURL, "https://") ||
			strings.ContainsAny(strings.TrimPrefix(id.InstanceURL, "https://"), "/?#@\r\n ") {
			t.Errorf("identity %+v", id)
		}
	})
}

// TestOpenEnded: a body that ends with its connection is whole only if its
// JSON is.
func TestOpenEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conf := w.tls(instanceHost)
	conf.NextProtos = []string{"http/1.1"}
	l := tls.NewListener(w.listen(instanceHost), conf)
	var calls atomic.Int64
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				body := `{"records":[]}`
				if calls.Add(1) == 1 {
					body = body[:8]
				}
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"+body)
			}
			conn.Close()
		}
	}()
	body, _, err := w.org(w.config()).Read(t.Context(), salesforce.Request{Path: "x"}, 100)
	if err != nil || string(body) != `{"records":[]}` || calls.Load() != 2 {
		t.Errorf("%q after %d calls: %v", body, calls.Load(), err)
	}
}
