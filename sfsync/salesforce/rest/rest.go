// Package rest reads and writes single records and small answers of an org:
// descriptions, metadata, limits, pages of rows, re-reads by id, deletes.
//
// The rule it keeps: a row's values are handed on as the raw bytes that came,
// and no literal of a query is ever part of a URL. Queries and ids travel in POST
// bodies; rows are cut out of an answer with jsontext and decoded by nobody
// here, so a number keeps its digits and a field that no policy names is never
// built.
//
// Describe, metadata queries, limits and writes go through
// github.com/simpleforce/simpleforce; its client is made for one call and gets a
// transport that binds the call's context and leaves signing, limits, retries
// and TLS to salesforce.Org.
//
// # Security
//
// simpleforce logs the bodies and URLs of failed calls with the standard
// logger, panics on some error bodies and keeps the session in plain sight. It
// never sees a failed answer, a token, the text of a query or a host: the
// transport keeps faults to itself and tells simpleforce of an empty success.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// What an answer may have at most. The largest describe captured has 0.3 MB;
// an org may define 800 fields an object, with picklists.
const (
	longestDescribe = 64 << 20
	longestPage     = 128 << 20
	longestAnswer   = 16 << 20
)

// Client is the REST API of one org. It holds no state of its own.
type Client struct{ org *salesforce.Org }

// New returns the REST API of an org, which stays the caller's to close.
func New(org *salesforce.Org) *Client { return &Client{org} }

// Describe returns the description of an object as the org sent it (REST API
// guide, "sObject Describe"). fault.ObjectLost: the object does not exist or is
// hidden from the integration user.
func (c *Client) Describe(ctx context.Context, object string) ([]byte, error) {
	if !apiName(object) {
		return nil, errName()
	}
	body, err := c.through(ctx, http.MethodGet, "sobjects/"+object+"/describe", nil, longestDescribe)
	return body, ofObject(err, object)
}

// Limit is one allocation of the org: how much it has, and how much is left.
type Limit struct{ Max, Remaining int64 }

// Limits returns the org's allocations by name, such as DailyApiRequests or
// DailyDeliveredPlatformEvents (REST API guide, "Limits").
func (c *Client) Limits(ctx context.Context) (map[string]Limit, error) {
	body, err := c.through(ctx, http.MethodGet, "limits", nil, longestAnswer)
	if err != nil {
		return nil, err
	}
	var limits map[string]Limit
	if json.Unmarshal(body, &limits) != nil {
		return nil, errForm()
	}
	return limits, nil
}

// RecordCount returns about how many rows each object has (REST API guide,
// "Record Count"); an object that the answer leaves out has 0.
func (c *Client) RecordCount(ctx context.Context, objects ...string) (map[string]int64, error) {
	counts := make(map[string]int64, len(objects))
	for _, object := range objects {
		if !apiName(object) {
			return nil, errName()
		}
		counts[object] = 0
	}
	body, err := c.through(ctx, http.MethodGet, "limits/recordCount?sObjects="+url.QueryEscape(strings.Join(objects, ",")), nil, longestAnswer)
	if err != nil {
		return nil, err
	}
	var answer struct {
		SObjects []struct {
			Name  string
			Count int64
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil, errForm()
	}
	for _, o := range answer.SObjects {
		counts[o.Name] = o.Count
	}
	return counts, nil
}

var name = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)

// apiName tells whether a text is a name and nothing more when it becomes part
// of a path or a request.
func apiName(text string) bool { return name.MatchString(text) }

// on names the object that a fault is about, in a copy: a fault of a shared
// sign-in belongs to all its callers.
func on(err error, object string) error {
	var e *fault.Error
	if !errors.As(err, &e) {
		return err
	}
	named := *e
	return named.On(object)
}

// ofObject is on for a path that begins with the object: that there is no such
// resource means that there is no such object, which no caller may take for an
// object without records.
func ofObject(err error, object string) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Code() == fault.NotFound && (e.ServerCode() == "NOT_FOUND" || e.ServerCode() == "") {
		return fault.New(fault.ObjectLost, "rest.Client", "an object is gone or hidden from the integration user; check the object and its permissions").
			On(object).HTTP(e.HTTPStatus()).Server(e.ServerCode())
	}
	return on(err, object)
}

// serverTime is the org's clock when it answered, to the second, or the zero
// time if the answer does not say.
func serverTime(header http.Header) time.Time {
	at, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

func errName() error {
	return fault.New(fault.RequestInvalid, "rest.Client", "an object, field or record id has characters that none can have; give its API name or id")
}

func errForm() error {
	return fault.New(fault.ResponseInvalid, "rest.Client", "the org's answer does not have the documented form; check what answers at the My Domain URL")
}
