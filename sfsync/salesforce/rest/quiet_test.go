package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// TestQuiet lets every call through simpleforce fail in every way while the
// standard logger is listened to: it must stay silent, and no error, URL or
// header but Authorization may hold a marked value.
func TestQuiet(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)

	server, c := connect(t, salesforcetest.Config{})
	id := server.Insert("Contact", contact(1))
	var mu sync.Mutex
	var urls strings.Builder
	server.Intercept(salesforcetest.Fault{Times: -1, Match: func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&urls, r.URL, r.Referer(), r.UserAgent())
		return false
	}})
	ctx, secret := t.Context(), rest.Fields{"LastName": "CANARY93", "Email": "CANARY93@example.com"}
	calls := map[string]func() error{
		"describe": func() error { _, err := c.Describe(ctx, "Contact"); return err },
		"query":    func() error { _, err := c.Query(ctx, "SELECT Id FROM User WHERE Name = 'CANARY93'"); return err },
		"limits":   func() error { _, err := c.Limits(ctx); return err },
		"count":    func() error { _, err := c.RecordCount(ctx, "Contact"); return err },
		"create":   func() error { _, err := c.Create(ctx, "Contact", secret); return err },
		"update":   func() error { return c.Update(ctx, "Contact", id, secret) },
		"upsert":   func() error { _, _, err := c.Upsert(ctx, "Contact", "Email", secret); return err },
		"delete":   func() error { return c.Delete(ctx, "Contact", id) },
	}
	row := `{"Id":"` + id + `","LastName":"CANARY93"}`
	for fault, f := range map[string]salesforcetest.Fault{
		"none":          {Status: 0},
		"echoed row":    {Status: 400, Body: `[{"message":"CANARY93 ` + id + `","errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION"}]`},
		"value as code": {Status: 400, Body: `[{"message":"x","errorCode":"CANARY93"}]`},
		"empty list":    {Status: 400, Body: `[]`},
		"null":          {Status: 404, Body: `null`},
		"XML":           {Status: 403, Body: `<Fault><faultstring>CANARY93</faultstring></Fault>`},
		"web page":      {Status: 420, Body: `<html>CANARY93</html>`},
		"other JSON":    {Status: 200, Body: `{"totalSize":"CANARY93","records":"CANARY93"}`},
		"a row":         {Status: 200, Body: row},
		"rows":          {Status: 200, Body: "[" + row + "]"},
		"not JSON":      {Status: 200, Body: `CANARY93`},
		"number":        {Status: 200, Body: `4155550193`},
		"redirect":      {Status: 302, Header: http.Header{"Location": {"https://evil.example.com/CANARY93"}}, Body: "CANARY93"},
		"no content":    {Status: 204},
	} {
		for name, call := range calls {
			f.Match = func(r *http.Request) bool { return !strings.Contains(r.URL.Path, "oauth2") }
			f.Times = -1
			disarm := server.Intercept(f)
			if err := call(); err != nil {
				whole := fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err))
				if strings.Contains(whole, "CANARY93") || strings.Contains(whole, id) || strings.Contains(whole, "4155550193") {
					t.Errorf("%s with %s: the error says too much: %s", name, fault, whole)
				}
				if !strings.Contains(whole, "salesforce.") && !strings.Contains(whole, "rest.") {
					t.Errorf("%s with %s: not a fault of ours: %s", name, fault, whole)
				}
			}
			disarm()
		}
	}
	if logged.Len() > 0 {
		t.Errorf("the standard logger was used: %.300s", logged.String())
	}
	mu.Lock()
	defer mu.Unlock()
	if urls.Len() == 0 || strings.Contains(urls.String(), "CANARY93") {
		t.Error("a URL holds a value")
	}
}

// FuzzAnswers: whatever an org answers, a read ends in rows that are JSON
// objects of the answer, or in a fault that quotes nothing of it.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"compositeResponse":[{"body":{"totalSize":1,"done":true,"records":[{"Id":"001"}]},"httpHeaders":{},"httpStatusCode":200,"referenceId":"page"}]}`,
		`{"compositeResponse":[{"body":[{"message":"m","errorCode":"INVALID_FIELD"}],"httpStatusCode":400}]}`,
		`{"compositeResponse":[{"body":null,"httpStatusCode":304}]}`, `{"compositeResponse":[{"httpStatusCode":200,"body":{"done":false}}]}`,
		`{"compositeResponse":{}}`, `[]`, `{`, `null`, ``, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := rest.ReadComposite(body)
		if err != nil {
			if fault.CodeOf(err) == "" || len(err.Error()) > 400 {
				t.Errorf("no sensible error: %v", err)
			}
			return
		}
		for _, record := range page.Records {
			if !json.Valid(record) || !bytes.Contains(body, record) {
				t.Errorf("%q is no value of the answer", record)
			}
		}
	})
}

// BenchmarkPage cuts the records out of a page of 2,000 contacts.
func BenchmarkPage(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"compositeResponse":[{"body":{"totalSize":2000,"done":true,"records":[`)
	for i := range 2000 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"attributes":{"type":"Contact","url":"/services/data/v67.0/sobjects/Contact/003AA%010dAAA"},"Id":"003AA%010dAAA","SystemModstamp":"2026-11-24T12:00:00.000+0000","FirstName":"Ada","LastName":"Name%d","Email":"p%d@example.com","MailingStreet":"12 Main Street","MailingCity":"Springfield","Phone":"+1 555 0100"}`, i, i, i, i)
	}
	body.WriteString(`]},"httpHeaders":{},"httpStatusCode":200,"referenceId":"page"}]}`)
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if page, err := rest.ReadComposite(body.Bytes()); err != nil || len(page.Records) != 2000 {
			b.Fatal(err)
		}
	}
}

// The rows of a query are read page by page, raw.
func ExampleClient_Pages() {
	server, err := salesforcetest.New(salesforcetest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	server.Insert("Contact", map[string]any{"LastName": "Doe"})

	env, err := salesforce.FromEnv(server.Getenv) // os.Getenv for a real org
	if err != nil {
		fmt.Println(err)
		return
	}
	org, err := salesforce.New(env)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer org.Close()
	for page, err := range rest.New(org).Pages(context.Background(), "SELECT LastName FROM Contact") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(page.Total, len(page.Records))
	}
	// Output: 1 1
}
