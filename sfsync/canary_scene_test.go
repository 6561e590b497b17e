package sfsync_test

import (
	"bytes"
	"log"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// scene is something that goes wrong while values are about.
type scene struct {
	name string
	// late: it goes wrong behind the first copy, not during it.
	late  bool
	fault salesforcetest.Fault
	play  func(*stage) error // what is done under the fault; nil: a pass
	want  fault.Code         // what comes out; "": the work is done in spite of it
	log   fault.Code         // what the log says was met on the way
}

// TestCanaryFaults lets everything go wrong that can be thought of, each time in
// words full of values, and searches what was said and written. Behind each
// fault the copy is opened again and must become equal to the org.
func TestCanaryFaults(t *testing.T) {
	t.Parallel()
	standard := &records{} // simpleforce knows no other logger
	log.SetOutput(standard)
	t.Cleanup(func() {
		log.SetOutput(os.Stderr)
		for _, found := range newSearch().find("standard logger", standard.bytes()) {
			t.Error(found)
		}
	})
	count := 0
	for group, scenes := range map[string][]scene{"sign-in": signInScenes(), "call": describeScenes(), "Bulk": bulkScenes(), "pass": passScenes(),
		"write": writeScenes(), "stream": streamScenes(), "TLS": tlsScenes()} {
		count += len(scenes)
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 4, Marker: marker})
			for _, c := range scenes {
				t.Run(c.name, func(t *testing.T) { c.run(newStage(t, org, sealedPolicy)) })
			}
		})
	}
	if count < 60 { // requirement R-09
		t.Errorf("%d scenes, want 60 or more", count)
	}
}

func (c *scene) run(s *stage) {
	if c.late {
		s.must(s.pass())
	}
	s.org.Insert("Contact", marked())
	armed := c.fault.Path != "" || c.fault.Match != nil
	if armed {
		s.arm(c.fault)
	}
	if c.play == nil {
		c.play = (*stage).pass
	}
	err := c.play(s)
	s.fails = append(s.fails, err)
	if got := fault.CodeOf(err); got != c.want || err != nil && got == "" {
		s.Errorf("it ended with %v, want %q", err, c.want)
	}
	if armed && s.hits.Load() == 0 {
		s.Error("the fault did not happen")
	}
	if c.log != "" && !s.logged(c.log) {
		s.Errorf("the log does not say %q", c.log)
	}
	s.restart()
	s.must(s.pass())
	if d := s.difference(); d != "" {
		s.Error(d)
	}
	s.stopped()
	s.clean()
}

// A record and a query as Salesforce's own texts repeat them.
const (
	rowText = `{"attributes":{"type":"Contact","url":"/services/data/v67.0/sobjects/Contact/003AA0000000001AAA"},` +
		`"Id":"003AA0000000001AAA","LastName":"Doe ` + marker + `","Email":"doe@` + marker + `.example.com","Birthdate":"` + born + `"}`
	queryText = `SELECT Id, Email FROM Contact WHERE LastName = 'Doe ` + marker + `'`
)

var escaped = strings.NewReplacer(`"`, `\"`)

// refusal is an error body of the data API that repeats a row and a query.
func refusal(path string, status int, code string) salesforcetest.Fault {
	return salesforcetest.Fault{Path: path, Times: -1, Status: status, Body: `[{"message":"` + escaped.Replace(queryText+" on "+rowText) +
		`","errorCode":"` + code + `","fields":["` + marker + `"]}]`}
}

// answer is a body in place of the org's.
func answer(path string, status int, body string) salesforcetest.Fault {
	return salesforcetest.Fault{Path: path, Times: -1, Status: status, Body: body}
}

// rewrite changes the org's own answer.
func rewrite(path string, change func(body []byte) []byte) salesforcetest.Fault {
	return salesforcetest.Fault{Path: path, Times: -1, Rewrite: change}
}

// replace is rewrite of one text; an answer without it stays as it is.
func replace(path, old, text string) salesforcetest.Fault {
	return rewrite(path, func(body []byte) []byte {
		return bytes.Replace(body, []byte(old), []byte(text), 1)
	})
}

// echo answers with what was sent: a form, with its secrets.
func echo(path string, status int, before, after string) salesforcetest.Fault {
	var sent atomic.Pointer[string]
	return salesforcetest.Fault{Path: path, Times: -1, Status: status, Body: "{}", Match: func(r *http.Request) bool {
		text := r.PostForm.Encode() + r.Header.Get("Authorization") // parsed by the spy
		sent.Store(&text)
		return true
	}, Rewrite: func([]byte) []byte { return []byte(before + *sent.Load() + after) }}
}

// patient adds a wish to wait longer than any call does, so that a fault that
// would be waited out comes out at once.
func patient(f salesforcetest.Fault) salesforcetest.Fault {
	f.Header = http.Header{"Retry-After": {"120"}, "Content-Type": {"text/html"}}
	return f
}

func only(f salesforcetest.Fault, match func(*http.Request) bool) salesforcetest.Fault {
	f.Match = match
	return f
}

func once(f salesforcetest.Fault) salesforcetest.Fault {
	f.Times = 1
	return f
}

func half(body []byte) []byte { return body[:len(body)/2] }

const page = "<html><title>Down</title><body>" + rowText + queryText + "</body></html>"
