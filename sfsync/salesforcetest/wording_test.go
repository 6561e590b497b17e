package salesforcetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// refused is the one error of an answer.
func refused(t *testing.T, body []byte) (code, message string) {
	t.Helper()
	var list []struct{ ErrorCode, Message string }
	if err := json.Unmarshal(body, &list); err != nil || len(list) != 1 {
		t.Fatalf("no error body: %s", body)
	}
	return list[0].ErrorCode, list[0].Message
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	tests := []struct {
		refuse        salesforcetest.Refusal
		status        int
		code, message string
	}{
		{salesforcetest.DailyLimit, 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."},
		{salesforcetest.ConcurrentLimit, 403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."},
		{salesforcetest.LongTransactions, 403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded"},
		{salesforcetest.RowLocked, 400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"},
		{salesforcetest.Busy, 503, "SERVER_UNAVAILABLE", "Server too busy"},
		{salesforcetest.QueryTimeout, 400, "QUERY_TIMEOUT", "Your query request was running for too long."},
		{salesforcetest.RunningTooLong, 400, "REQUEST_RUNNING_TOO_LONG", "Your request was running for too long, and has been stopped."},
		{salesforcetest.SecurityPolicy, 403, "TXN_SECURITY_NO_ACCESS",
			"The operation you requested isn't allowed due to a security policy in your organization. Contact your administrator."},
		{salesforcetest.LocatorLost, 400, "INVALID_QUERY_LOCATOR", "invalid query locator"},
		{salesforcetest.OrgDisabled, 403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."},
		{salesforcetest.OrgLocked, 403, "ORG_LOCKED", "organization has been locked"},
	}
	for _, tt := range tests {
		c.Intercept(salesforcetest.Fault{Path: "/query", Refuse: tt.refuse, Header: http.Header{"Retry-After": {"7"}}})
		status, h, body := c.do("GET", data+"/query?q=SELECT+Id+FROM+Lead", nil)
		code, message := refused(t, body)
		if status != tt.status || code != tt.code || message != tt.message || h.Get("Retry-After") != "7" || !strings.HasPrefix(h.Get("Sforce-Limit-Info"), "api-usage=") {
			t.Errorf("%s: %d %s %q %v", tt.code, status, code, message, h)
		}
	}
	c.Intercept(salesforcetest.Fault{Refuse: salesforcetest.EdgeDown})
	if status, h, body := c.do("GET", data+"/limits", nil); status != 502 || h.Get("Content-Type") != "text/html" || body[0] != '<' {
		t.Errorf("edge: %d %v %s", status, h, body)
	}
	if status, _, _ := c.do("GET", data+"/limits", nil); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	c.SetConcurrency(1)
	hold, done := make(chan struct{}), make(chan int)
	arrived := make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	c.Intercept(salesforcetest.Fault{Hold: hold, Path: "/limits", Match: func(*http.Request) bool { arrive(); return true }})
	go func() {
		status, _, _ := c.do("GET", data+"/limits", nil)
		done <- status
	}()
	<-arrived
	status, _, body := c.do("GET", data+"/limits", nil)
	if _, message := refused(t, body); status != 403 || !strings.HasPrefix(message, "ConcurrentRequests") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := c.form(c.InstanceURL()+"/services/oauth2/token", nil); status != 400 {
		t.Errorf("sign-in counts as a call: %d", status)
	}
	close(hold)
	if status := <-done; status != 200 {
		t.Errorf("the call that was under way: %d", status)
	}
	if status, _, _ := c.do("GET", data+"/limits", nil); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

func TestCursorsExpire(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 250})
	var p page
	status, _, body := c.do("GET", data+"/query?q=SELECT+Id+FROM+Contact", nil, "Sforce-Query-Options", "batchSize=200")
	c.decode(status, body, &p)
	c.ExpireCursors()
	status, _, body = c.do("GET", p.NextRecordsURL, nil)
	if code, _ := refused(t, body); status != 400 || code != "INVALID_QUERY_LOCATOR" {
		t.Errorf("%d %s", status, body)
	}
}

func TestPoisonID(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	good, bad := c.Insert("Contact", map[string]any{"LastName": "A"}), c.Insert("Contact", map[string]any{"LastName": "B"})
	read := func(ids ...string) (int, []byte) {
		status, _, body := c.do("POST", data+"/composite/sobjects/Contact", map[string]any{"ids": ids, "fields": []string{"LastName"}})
		return status, body
	}
	c.PoisonID(bad, "INVALID_CROSS_REFERENCE_KEY")
	status, body := read(good, bad[:15])
	if code, _ := refused(t, body); status != 400 || code != "INVALID_CROSS_REFERENCE_KEY" {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := c.do("GET", data+"/sobjects/Contact/"+bad, nil); status != 400 {
		t.Errorf("read alone: %d", status)
	}
	if status, _ := read(good); status != 200 {
		t.Errorf("without it: %d", status)
	}
	if status, body := read(good, "003notanid"); status != 400 || !strings.Contains(string(body), "MALFORMED_ID") {
		t.Errorf("no id: %d %s", status, body)
	}
	c.PoisonID(bad, "")
	if status, body := read(good, bad); status != 200 || strings.Contains(string(body), "null") {
		t.Errorf("healed: %d %s", status, body)
	}
}

func TestSetInstance(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	for _, want := range []string{"TST1", "TST2"} {
		if got := c.query("SELECT InstanceName FROM Organization").Records[0]["InstanceName"]; got != want {
			t.Errorf("got %v, want %s", got, want)
		}
		c.SetInstance("TST2")
	}
}

func TestSharing(t *testing.T) {
	t.Parallel()
	clock := newClock(clockStart)
	c := newClient(t, salesforcetest.Config{Now: clock.now})
	seen, unseen := c.Insert("Contact", map[string]any{"LastName": "A"}), c.Insert("Contact", map[string]any{"LastName": "B"})
	ticket := c.Insert("Case", map[string]any{"ContactId": unseen})
	clock.advance(clockStep)
	window := fmt.Sprintf("?start=%s&end=%s", clock.now().Add(-3*clockStep).Format("2006-01-02T15:04:05Z"), clock.now().Add(2*clockStep).Format("2006-01-02T15:04:05Z"))
	look := func() string {
		_, _, list := c.do("POST", data+"/composite/sobjects/Contact", map[string]any{"ids": []string{seen, unseen}, "fields": []string{"LastName"}})
		status, _, _ := c.do("GET", data+"/sobjects/Contact/"+unseen, nil)
		_, _, updated := c.do("GET", data+"/sobjects/Contact/updated"+window, nil)
		p := c.query("SELECT Contact.LastName FROM Case WHERE Id = '" + ticket + "'")
		job := c.job(map[string]any{"operation": "query", "query": "SELECT Id FROM Contact"})
		return fmt.Sprint(c.query("SELECT Id FROM Contact").TotalSize, c.query("SELECT count() FROM Contact").TotalSize, strings.Count(string(list), "null"), status,
			strings.Count(string(updated), `"003`), p.Records[0]["Contact"] != nil, c.poll(job).NumberRecordsProcessed)
	}
	all, some := "2 2 0 200 2 true 2", "1 1 1 404 1 false 1"
	c.SetSharing("Contact", func(id string) bool { return id == seen })
	if got := look(); got != all {
		t.Errorf("with View All: %s, want %s", got, all)
	}
	c.SetViewAll("Contact", false)
	if got := look(); got != some {
		t.Errorf("without View All: %s, want %s", got, some)
	}
	c.Delete("Contact", unseen)
	if _, _, body := c.do("GET", data+"/sobjects/Contact/deleted"+window, nil); strings.Contains(string(body), unseen) {
		t.Errorf("getDeleted tells of what the user does not see: %s", body)
	}
	c.Undelete("Contact", unseen)
	c.SetSharing("Contact", nil)
	if got := look(); got != all {
		t.Errorf("shared with all: %s, want %s", got, all)
	}
}
