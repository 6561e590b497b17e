package sfsync_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sfsync/sfsync-go/internal/bubble"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// call is a kind of call that the org refuses, and what makes the engine make it.
type call struct {
	name, method, path string
	trigger            func(*refused)
	policy             string                   // "": that of contacts
	only               func(*http.Request) bool // nil: all of the path
}

var (
	reread   = call{name: "re-read", method: http.MethodPost, path: collections, trigger: (*refused).gap}
	create   = call{name: "job", method: http.MethodPost, path: "/jobs/query", trigger: (*refused).overflow}
	progress = call{name: "progress of a job", method: http.MethodGet, path: "/jobs/query/", trigger: (*refused).overflow, only: ofJob}
	results  = call{name: "results of a job", method: http.MethodGet, path: "/results", trigger: (*refused).overflow}
	describe = call{name: "describe", method: http.MethodGet, path: "/describe", trigger: (*refused).change}
	poll     = call{name: "poll", method: http.MethodPost, path: "/composite", trigger: (*refused).change, policy: polledPolicy, only: queries("")}
	failed   = call{name: "failed job", method: http.MethodGet, path: "/jobs/query/", trigger: (*refused).overflow, only: ofJob}
	token    = call{name: "sign-in", method: http.MethodPost, path: "/services/oauth2/token", trigger: (*refused).signOut}

	instance = call{name: "instance", method: http.MethodPost, path: "/composite", trigger: (*refused).cut, only: queries("InstanceName")}
	members  = call{name: "members of a channel", method: http.MethodPost, path: "/composite", trigger: (*refused).cut,
		policy: strings.Replace(contactPolicy, "person: [Id]", "person: [Id]\n    channel: /data/ChangeEvents", 1), only: queries("PlatformEventChannelMember")}
	newest = call{name: "newest stamp", method: http.MethodPost, path: "/composite", trigger: (*refused).change, only: queries("SystemModstamp+DESC")}

	data  = []call{reread, create, progress, results, describe, poll}
	all   = append([]call{token}, data...)
	looks = []call{instance, members, newest}
)

func ofJob(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, "/results") }

// queries matches queries with the text in them.
func queries(text string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/composite") && names(text)(r) }
}

// refused is a running copy that the org refuses a kind of call.
type refused struct {
	*rig
	call
	id     string
	calls  atomic.Int64 // refused
	paused fault.Code   // why Contact paused meanwhile
	ended  chan error
}

func (r *refused) change() {
	r.org.Update("Contact", r.id, map[string]any{"LastName": strconv.FormatInt(time.Now().Unix(), 10)})
}

func (r *refused) gap() { r.org.GapNext(""); r.change() }

func (r *refused) overflow() { r.org.OverflowNext(); r.change() }

func (r *refused) cut() { r.org.CutStreams() }

func (r *refused) signOut() { r.org.ExpireTokens(); r.gap() }

// newRefused runs a copy on the clock of a bubble until it is complete.
func newRefused(t *testing.T, c call) *refused {
	r, net := &refused{call: c, ended: make(chan error, 1)}, &network{}
	org, err := salesforcetest.New(salesforcetest.Config{Listen: net.listen, Records: 3, PubSub: salesforcetest.PubSub{FirstResponse: -1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	r.rig = open(t, org, t.TempDir(), cmp.Or(c.policy, contactPolicy))
	net.use(r.client)
	r.id = org.Insert("Contact", map[string]any{"LastName": "first"})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { r.ended <- r.sync.Run(ctx) }()
	time.Sleep(20 * time.Minute)
	if d := r.difference(); d != "" {
		t.Fatal(d)
	}
	return r
}

// refuse lets the org refuse the kind of call for an hour.
func (r *refused) refuse(f salesforcetest.Fault) {
	f.Method, f.Path, f.Times = r.method, r.path, -1
	f.Match = func(q *http.Request) bool {
		if r.only != nil && !r.only(q) {
			return false
		}
		r.calls.Add(1)
		return true
	}
	disarm := r.org.Intercept(f)
	r.trigger(r)
	for range 80 { // a describe comes every hour
		time.Sleep(time.Minute)
		r.paused = cmp.Or(r.paused, r.sync.Status().Objects["Contact"].Paused)
	}
	disarm()
}

func says(code string) string {
	return `[{"message":"CANARY57 alice@example.com","errorCode":"` + code + `"}]`
}

// remedy is one row of the table in the package's documentation.
type remedy struct {
	name   string
	calls  []call
	status int
	body   string
	after  string // Retry-After
	code   fault.Code
	most   int64 // calls refused in 80 minutes
}

// A fault that passes is waited out, and then nothing is missing.
func TestWaitsOut(t *testing.T) {
	limit := func(which string) string {
		return `[{"message":"` + which + ` Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`
	}
	const aMinute = 6 * 90 // five attempts each minute, give or take what chance adds to the pauses, and those before
	remedies(t, []remedy{
		{name: "calls of the day", calls: append(data, instance), status: 403, body: limit("TotalRequests"), code: fault.LimitExceeded, most: 8},
		{name: "concurrent calls", calls: data, status: 403, body: limit("ConcurrentRequests (Concurrent API Requests)"), code: fault.Throttled, most: aMinute},
		{name: "long transactions", calls: []call{reread, poll}, status: 403, body: limit("ConcurrentPerOrgLongTxn"), code: fault.Throttled, most: aMinute},
		{name: "too many calls", calls: all, status: 429, after: "600", code: fault.Throttled, most: 10},
		{name: "sign-ins too fast", calls: []call{token}, status: 400, body: `{"error":"rate_limit_exceeded"}`, code: fault.Throttled, most: aMinute},
		{name: "server down", calls: slices.Concat(all, []call{instance}), status: 503, body: says("SERVER_UNAVAILABLE"), code: fault.Unavailable, most: aMinute},
		{name: "server down until", calls: all, status: 503, body: says("SERVER_UNAVAILABLE"), after: "600", code: fault.Unavailable, most: 10},
		{name: "API down", calls: data, status: 500, body: says("API_CURRENTLY_DISABLED"), code: fault.Unavailable, most: aMinute},
		{name: "gateway", calls: all, status: 502, body: "<html>CANARY57</html>", code: fault.Unavailable, most: aMinute},
		{name: "record locked", calls: []call{reread, create}, status: 400, body: says("UNABLE_TO_LOCK_ROW"), code: fault.Conflict, most: aMinute},
		{name: "session", calls: append(data, instance), status: 401, body: says("INVALID_SESSION_ID"), code: fault.SessionExpired, most: aMinute},
		{name: "too much asked", calls: []call{create, failed, poll}, status: 400, body: says("QUERY_TIMEOUT"), code: fault.TooLarge, most: aMinute},
	}, func(r *refused, a remedy) {
		name := "Contact"
		if w := r.sync.Status().Waiting; w[name].Code != a.code && w["/data/ContactChangeEvent"].Code != a.code {
			r.Errorf("it waits for %v, want %s", w, a.code)
		}
		r.goesOn()
	})
}

// goesOn: in the hour after the fault the copy becomes the org.
func (r *refused) goesOn() {
	r.Helper()
	time.Sleep(time.Hour)
	if d := r.difference(); d != "" {
		r.Error(d)
	}
	select {
	case err := <-r.ended:
		r.Errorf("the run ended with %v", err)
	default:
	}
}

// What only a person can mend ends the run at once.
func TestEnds(t *testing.T) {
	remedies(t, []remedy{
		{name: "transaction security", calls: slices.Concat(data, looks, []call{failed}), status: 403, body: says("TXN_SECURITY_NO_ACCESS"), code: fault.Blocked, most: 1},
		{name: "API not enabled", calls: slices.Concat(data, looks), status: 403, body: says("API_DISABLED_FOR_ORG"), code: fault.Blocked, most: 1},
		{name: "org locked", calls: slices.Concat(data, looks), status: 403, body: says("ORG_LOCKED"), code: fault.SignInRefused, most: 1},
		{name: "org moved", calls: slices.Concat(all, looks), status: 420, body: "<html>CANARY57</html>", code: fault.HostRefused, most: 1},
		{name: "redirect", calls: slices.Concat(all, looks), status: 302, code: fault.RedirectRefused, most: 1},
		{name: "app revoked", calls: []call{token}, status: 400, body: `{"error":"invalid_grant"}`, code: fault.SignInRefused, most: 1},
		{name: "app unknown", calls: []call{token}, status: 400, body: `{"error":"invalid_client"}`, code: fault.SignInRefused, most: 1},
		{name: "app not approved", calls: []call{token}, status: 400, body: `{"error":"invalid_app_access"}`, code: fault.SignInRefused, most: 1},
		{name: "user inactive", calls: []call{token}, status: 400, body: `{"error":"inactive_user"}`, code: fault.SignInRefused, most: 1},
	}, func(r *refused, a remedy) {
		select {
		case err := <-r.ended:
			if fault.CodeOf(err) != a.code {
				r.Errorf("the run ended with %v, want %s", err, a.code)
			}
		default:
			r.Errorf("the run goes on, waiting for %v", r.sync.Status().Waiting)
		}
	})
}

// What the org no longer shows pauses the object alone.
func TestPauses(t *testing.T) {
	remedies(t, []remedy{
		{name: "field", calls: []call{reread, create, failed, describe, poll}, status: 400, body: says("INVALID_FIELD"), code: fault.FieldLost, most: 40},
		{name: "object", calls: []call{reread, create, describe, poll}, status: 400, body: says("INVALID_TYPE"), code: fault.ObjectLost, most: 40},
		{name: "permission", calls: data, status: 403, body: says("INSUFFICIENT_ACCESS_OR_READONLY"), code: fault.Denied, most: 40},
		{name: "key destroyed", calls: append(data, failed), status: 403, body: says("KEY_HAS_BEEN_DESTROYED"), code: fault.Denied, most: 40},
	}, func(r *refused, a remedy) {
		if r.paused != a.code {
			r.Errorf("paused for %q, want %s", r.paused, a.code)
		}
		r.goesOn()
	})
}

var serverCode = regexp.MustCompile(`"error(?:Code)?":"(\w+)"`)

// fail makes the job in an answer one that failed for the row's reason.
func (a remedy) fail(job []byte) []byte {
	reason := `"state":"Failed","errorMessage":" ` + serverCode.FindStringSubmatch(a.body)[1] + ` : CANARY57"`
	return bytes.Replace(job, []byte(`"state":"JobComplete"`), []byte(reason), 1)
}

// documented checks that the package's documentation has the row.
func (a remedy) documented(t *testing.T) {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	code := strconv.Itoa(a.status)
	if found := serverCode.FindStringSubmatch(a.body); found != nil {
		code = found[1]
	}
	for _, family := range []string{"TXN_SECURITY_", "INSUFFICIENT_ACCESS", "5", "3"} {
		if strings.HasPrefix(code, family) {
			code = family
		}
	}
	if !strings.Contains(string(doc), code) {
		t.Errorf("the package's documentation does not say what %s leads to", code)
	}
}

// remedies plays each row with each of its calls.
func remedies(t *testing.T, rows []remedy, check func(*refused, remedy)) {
	bubble.Allow(t)
	for _, a := range rows {
		a.documented(t)
		for _, c := range a.calls {
			t.Run(a.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newRefused(t, c)
					f := salesforcetest.Fault{Status: a.status, Body: a.body}
					if c.name == failed.name {
						f = salesforcetest.Fault{Rewrite: a.fail}
					}
					if a.after != "" {
						f.Header = http.Header{"Retry-After": {a.after}}
					}
					r.refuse(f)
					if n := r.calls.Load(); n == 0 || n > a.most {
						t.Errorf("%d calls were refused, want 1 to %d", n, a.most)
					}
					check(r, a)
				})
			})
		}
	}
}

// A read by id that asks for more than the org can answer asks for less.
func TestAsksForLess(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 40})
	r := open(t, org, t.TempDir(), contactPolicy)
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	var refused atomic.Int64
	org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: collections, Times: -1, Status: 400, Body: says("QUERY_TIMEOUT"), Match: func(q *http.Request) bool {
		tooMany := q.ContentLength > 400 // about ten ids beside the fields
		if tooMany {
			refused.Add(1)
		}
		return tooMany
	}})
	r.must(org.Transaction(func(tx *salesforcetest.Tx) error {
		org.GapNext("")
		for id := range org.Records("Contact") {
			if err := tx.Update("Contact", id, map[string]any{"LastName": "read again"}); err != nil {
				return err
			}
		}
		return nil
	}))
	r.await("the re-reads", func() bool { return r.equal() && refused.Load() > 0 })
	r.must(stop())
}

// A poll whose cursor is lost begins again.
func TestPollBeginsAgain(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 3})
	r := open(t, org, t.TempDir(), polledPolicy)
	r.sync.Hasten(1000)
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	var lost atomic.Int64
	org.Intercept(salesforcetest.Fault{Method: http.MethodGet, Path: "/query/", Times: 2, Status: 400, Body: says("INVALID_QUERY_LOCATOR"),
		Match: func(*http.Request) bool { lost.Add(1); return true }})
	r.must(org.Transaction(func(tx *salesforcetest.Tx) error {
		for range 2100 { // of which a page has 2,000
			if _, err := tx.Insert("Contact", map[string]any{"LastName": "polled"}); err != nil {
				return err
			}
		}
		return nil
	}))
	r.await("all pages", func() bool { return lost.Load() > 2 && r.equal() })
	r.must(stop())
}

// So does a poll: a query with a limit, from the last row on.
func TestPollAsksForLess(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 3})
	r := open(t, org, t.TempDir(), polledPolicy)
	r.sync.Hasten(1000)
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	var limits sync.Map // the queries that were let through
	limit := regexp.MustCompile(`LIMIT\+(\d+)`)
	org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/composite", Times: -1, Status: 400, Body: says("QUERY_TIMEOUT"), Match: func(q *http.Request) bool {
		body, err := io.ReadAll(q.Body)
		q.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || !bytes.Contains(body, []byte("ORDER+BY+SystemModstamp")) {
			return false
		}
		if found := limit.FindSubmatch(body); found != nil && string(found[1]) <= "250" && len(found[1]) == 3 {
			limits.Store(string(found[1]), true)
			return false
		}
		return true
	}})
	r.must(org.Transaction(func(tx *salesforcetest.Tx) error {
		for range 600 {
			if _, err := tx.Insert("Contact", map[string]any{"LastName": "polled"}); err != nil {
				return err
			}
		}
		return nil
	}))
	r.await("all rows", r.equal)
	if _, ok := limits.Load("250"); !ok {
		t.Error("no query for 250 rows was made")
	}
	r.must(stop())
}

// TestStopBesideFault: a run that is stopped when a call has just failed was stopped.
func TestStopBesideFault(t *testing.T) {
	t.Parallel()
	r := open(t, newOrg(t, salesforcetest.Config{Records: 5}), t.TempDir(), contactPolicy)
	stop := r.start()
	r.await("the first copy", r.equal)
	r.must(stop())
	for code, want := range map[fault.Code]fault.Code{fault.Unavailable: "", fault.SignInRefused: fault.SignInRefused} {
		ctx, cancel := context.WithCancel(t.Context())
		err := r.sync.KeepTrying(ctx, "", func(context.Context) error {
			cancel()
			return fault.New(code, "test", "do nothing")
		})
		if fault.CodeOf(err) != want {
			t.Errorf("stopped beside %s it returns %v, want %q", code, err, want)
		}
	}
}
