package salesforcetest_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestIntercept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault salesforcetest.Fault
		gzip  bool
		want  func(status int, body string, err error) bool
	}{
		{"status and code", salesforcetest.Fault{Status: 503, Code: "SERVER_UNAVAILABLE"}, false, func(s int, b string, err error) bool {
			return s == 503 && strings.Contains(b, "SERVER_UNAVAILABLE") && err == nil
		}},
		{"body", salesforcetest.Fault{Status: 200, Body: "<html>"}, false, func(s int, b string, err error) bool { return s == 200 && b == "<html>" }},
		{"connection lost", salesforcetest.Fault{Cut: -1}, false, func(s int, _ string, err error) bool { return s == 0 && err != nil }},
		{"cut in the body", salesforcetest.Fault{Cut: 20}, false, func(s int, b string, err error) bool {
			return s == 200 && len(b) == 20 && errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"early end", salesforcetest.Fault{Truncate: 20}, false, func(s int, b string, err error) bool { return s == 200 && len(b) == 20 && err == nil }},
		{"truncated gzip", salesforcetest.Fault{Truncate: 40}, true, func(s int, b string, err error) bool {
			return s == 200 && errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"rewritten", salesforcetest.Fault{Rewrite: func(b []byte) []byte { return append(b[:30], "}{"...) }}, false,
			func(s int, b string, err error) bool {
				return s == 200 && strings.HasSuffix(b, "}{") && len(b) == 32 && err == nil
			}},
		{"header", salesforcetest.Fault{Status: 503, Header: http.Header{"Retry-After": {"7"}}}, false, func(s int, b string, err error) bool { return s == 503 }},
		{"another path", salesforcetest.Fault{Path: "/jobs", Status: 500}, false, func(s int, b string, err error) bool { return s == 200 }},
		{"another method", salesforcetest.Fault{Method: "POST", Status: 500}, false, func(s int, b string, err error) bool { return s == 200 }},
		{"second call", salesforcetest.Fault{Nth: 2, Status: 500}, false, func(s int, b string, err error) bool { return s == 200 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, salesforcetest.Config{Records: 3})
			c.Intercept(tt.fault)
			status, body, err := c.try(tt.gzip)
			if !tt.want(status, body, err) {
				t.Errorf("got %d %q %v", status, body, err)
			}
			if tt.fault.Nth == 2 {
				if status, _, _ := c.try(false); status != 500 {
					t.Errorf("the second call: %d", status)
				}
			}
			if status, body, err := c.try(tt.gzip); status != 200 || err != nil || !strings.Contains(body, `"done":true`) {
				t.Errorf("afterwards: %d %q %v", status, body, err)
			}
		})
	}
}

// try reads all contacts and returns whatever comes.
func (c *client) try(zipped bool) (int, string, error) {
	req, err := http.NewRequest("GET", c.InstanceURL()+data+"/query?q=SELECT+Id,Name,Email,MailingStreet+FROM+Contact", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept-Encoding", "identity")
	if zipped {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	in := io.Reader(resp.Body)
	if zipped {
		if in, err = gzip.NewReader(in); err != nil {
			return resp.StatusCode, "", err
		}
	}
	body, err := io.ReadAll(in)
	return resp.StatusCode, string(body), err
}

func TestHold(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 1})
	release, arrived := make(chan struct{}), make(chan struct{})
	c.Intercept(salesforcetest.Fault{Hold: release, Match: func(*http.Request) bool { close(arrived); return true }})
	done := make(chan int)
	go func() {
		status, _, _ := c.try(false)
		done <- status
	}()
	<-arrived
	select {
	case <-done:
		t.Error("the call was not held")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if status := <-done; status != 200 {
		t.Errorf("after the release: %d", status)
	}
}

// A call that comes twice is done twice, and answered as the second time.
func TestTwice(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	c.Intercept(salesforcetest.Fault{Method: "POST", Twice: true})
	for i, want := range []int{2, 3} {
		status, _, body := c.do("POST", data+"/sobjects/Contact", map[string]any{"LastName": "Byron"})
		var made struct{ ID string }
		if err := json.Unmarshal(body, &made); err != nil || status != 201 || c.Count("Contact") != want {
			t.Errorf("call %d: %d %s, and %d contacts, want %d", i, status, body, c.Count("Contact"), want)
		}
		if ids := slices.Sorted(maps.Keys(maps.Collect(c.Records("Contact")))); made.ID != ids[len(ids)-1] {
			t.Errorf("call %d: the answer is of %s, not the last of %v", i, made.ID, ids)
		}
	}
}

func TestDailyLimit(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	c.SetAPICalls(9, 10)
	_, h, _ := c.do("GET", data+"/limits", nil)
	if got := h.Get("Sforce-Limit-Info"); got != "api-usage=10/10" {
		t.Errorf("Sforce-Limit-Info: %s", got)
	}
	status, _, body := c.do("GET", data+"/limits", nil)
	if status != 403 || string(body) != `[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]` {
		t.Errorf("got %d %s", status, body)
	}
	if status, _, _ := c.do("GET", "/services/data", nil); status != 200 {
		t.Errorf("versions are not metered: %d", status)
	}
}

func TestExpiredTokens(t *testing.T) {
	t.Parallel()
	clock := newClock(time.Now())
	c := newClient(t, salesforcetest.Config{Now: clock.now})
	clock.advance(119 * time.Minute)
	if status, _, _ := c.do("GET", data+"/limits", nil); status != 200 {
		t.Errorf("before the time-out: %d", status)
	}
	clock.advance(121 * time.Minute)
	if status, _, _ := c.do("GET", data+"/limits", nil); status != 401 {
		t.Errorf("after the time-out: %d", status)
	}
	c.token = c.AccessToken()
	c.ExpireTokens()
	if status, _, _ := c.do("GET", data+"/limits", nil); status != 401 {
		t.Errorf("after ExpireTokens: %d", status)
	}
}
