package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/simpleforce/simpleforce"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// What simpleforce is told in place of the real thing.
const (
	placeholder = "sfsync"                 // session
	nowhere     = "https://sfsync.invalid" // instance; RFC 2606: resolves nowhere
	reference   = "sfsync-query"           // query text
)

// Row is one row of a metadata query. Numbers are float64: it is for names and
// flags, never for records.
type Row map[string]any

// Text returns a field's text, or "" for null and for what is no text.
func (r Row) Text(field string) string {
	text, _ := r[field].(string)
	return text
}

// Bool returns a field's truth, or false for null and for what is no boolean.
func (r Row) Bool(field string) bool {
	truth, _ := r[field].(bool)
	return truth
}

// Query runs a SOQL query over metadata and returns all its rows. Rows with
// people in them are read by [Client.Pages].
func (c *Client) Query(ctx context.Context, soql string) ([]Row, error) {
	return c.query(ctx, "query", soql)
}

// ToolingQuery is Query for the objects of the Tooling API, such as
// PlatformEventChannelMember.
func (c *Client) ToolingQuery(ctx context.Context, soql string) ([]Row, error) {
	return c.query(ctx, "tooling/query", soql)
}

func (c *Client) query(ctx context.Context, api, soql string) (rows []Row, err error) {
	for next := reference; next != ""; {
		t := &transport{ctx: ctx, client: c, limit: longestAnswer, api: api, soql: soql}
		var result *simpleforce.QueryResult
		if err := t.lend(func(sf *simpleforce.Client) (err error) {
			result, err = sf.Query(next)
			return err
		}); err != nil {
			return nil, err
		}
		for _, record := range result.Records {
			delete(record, "attributes")
			delete(record, "__client__") // simpleforce's own
			rows = append(rows, Row(record))
		}
		if next = result.NextRecordsURL; next != "" && !strings.HasPrefix(next, "/services/data/") {
			return nil, errForm() // simpleforce would send it as a query
		}
	}
	return rows, nil
}

// through makes one call by simpleforce and returns the bytes of the answer.
func (c *Client) through(ctx context.Context, method, path string, body []byte, limit int64) (answer []byte, err error) {
	t := &transport{ctx: ctx, client: c, limit: limit}
	err = t.lend(func(sf *simpleforce.Client) (err error) {
		answer, err = sf.ApexREST(method, "services/data/v"+c.org.APIVersion()+"/"+path, bytes.NewReader(body))
		return err
	})
	return answer, err
}

// transport stands between simpleforce and the org for one call.
type transport struct {
	ctx    context.Context
	client *Client
	limit  int64
	api    string // "" or "tooling/"
	soql   string // what the reference stands for
	err    error  // the fault that simpleforce is not told of
}

// lend gives f a client of its own, as simpleforce shares state between calls.
func (t *transport) lend(f func(*simpleforce.Client) error) (err error) {
	defer func() {
		if recover() != nil {
			err = errForm() // what it panics with may quote the answer
		}
	}()
	sf := simpleforce.NewClient(nowhere, placeholder, t.client.org.APIVersion())
	sf.SetSidLoc(placeholder, nowhere)
	sf.SetHttpClient(&http.Client{Transport: t})
	err = f(sf)
	if t.err != nil {
		return t.err
	}
	if err != nil {
		return errForm()
	}
	return nil
}

// RoundTrip answers every request with a success: simpleforce logs the others.
// The body is in memory already, so that reading it cannot fail either.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	body, t.err = t.send(req)
	if t.err != nil {
		body = []byte("{}")
	}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
}

// send makes the call that simpleforce describes. Of its request only method,
// path and body count.
func (t *transport) send(req *http.Request) ([]byte, error) {
	if req.URL.Query().Get("q") == reference {
		page, err := t.client.first(t.ctx, t.api, t.soql, t.limit)
		return page.raw, err
	}
	r := salesforce.Request{Method: req.Method, Path: req.URL.RequestURI()}
	if req.Body != nil {
		var err error
		if r.Body, err = io.ReadAll(req.Body); err != nil {
			return nil, fault.New(fault.Internal, "rest.Client", "a request in memory cannot be read; please report it")
		}
	}
	body, _, err := t.client.org.Read(t.ctx, r, t.limit)
	return body, err
}
