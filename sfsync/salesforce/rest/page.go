package rest

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// Page is a part of a query's rows.
type Page struct {
	// Records are the rows as the org sent them, each one JSON object.
	Records [][]byte
	// Total is how many rows the query has in all its pages.
	Total int
	// ServerTime is the org's clock when it sent this page, to the second; the zero
	// time if it did not say.
	ServerTime time.Time

	next string // path of the next page, or ""
	raw  []byte // the query's answer
}

// Pages runs a SOQL query and yields its rows, up to 2,000 a page. The query is
// sent in the body of a composite POST (REST API guide, "Composite"), later
// pages by the cursor the org gives out. fault.Truncated on a later page: the
// cursor is gone (it lives two days, and an org keeps few); begin again.
func (c *Client) Pages(ctx context.Context, soql string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		page, err := c.first(ctx, "query", soql, longestPage)
		for err == nil && yield(page, nil) && page.next != "" {
			page, err = c.follow(ctx, page.next)
		}
		if err != nil {
			yield(Page{}, err)
		}
	}
}

// first sends a query by one of "query", "queryAll" and "tooling/query" and
// returns the first page.
func (c *Client) first(ctx context.Context, api, soql string, limit int64) (Page, error) {
	body, err := json.Marshal(composite{[]subrequest{{Method: http.MethodGet, ReferenceID: "page",
		URL: "/services/data/v" + c.org.APIVersion() + "/" + api + "?q=" + url.QueryEscape(soql)}}})
	if err != nil {
		return Page{}, fault.New(fault.Internal, "rest.Query", "the query cannot be sent; please report it")
	}
	answer, header, err := c.org.Read(ctx, salesforce.Request{Method: http.MethodPost, Path: "composite", Body: body, Repeatable: true}, limit)
	if err != nil {
		return Page{}, err
	}
	page, err := readComposite(answer)
	page.ServerTime = serverTime(header)
	return page, err
}

// follow reads a later page. Its path holds a cursor and no literal.
func (c *Client) follow(ctx context.Context, next string) (Page, error) {
	answer, header, err := c.org.Read(ctx, salesforce.Request{Path: next}, longestPage)
	if fault.CodeOf(err) == fault.NotFound { // the cursor, not what was asked for
		return Page{}, fault.New(fault.Truncated, "rest.Pages", "the query's cursor is gone; begin the query again")
	}
	if err != nil {
		return Page{}, err
	}
	page := Page{ServerTime: serverTime(header)}
	cut := newCutter(answer)
	if cut.page(&page) != nil || cut.end() != nil {
		return Page{}, errForm()
	}
	return page, nil
}

type composite struct {
	Requests []subrequest `json:"compositeRequest"`
}

type subrequest struct {
	Method      string `json:"method"`
	URL         string `json:"url"`
	ReferenceID string `json:"referenceId"`
}

// readComposite reads the answer to a composite request with one part, in one
// pass. The part's status follows its body, so the form of the body decides how
// it is read: an object is a page, a list an error.
func readComposite(answer []byte) (Page, error) {
	var (
		page    Page
		refusal []byte
		status  int
		parts   int
	)
	cut := newCutter(answer)
	part := func(name string) error {
		switch {
		case name == "httpStatusCode":
			n, err := cut.number()
			status = int(n)
			return err
		case name == "body" && cut.PeekKind() == '{':
			start := cut.InputOffset()
			err := cut.page(&page)
			page.raw = trimColon(answer[start:cut.InputOffset()])
			return err
		case name == "body":
			var err error
			refusal, err = cut.value()
			return err
		}
		return nil
	}
	err := cut.members(func(name string) error {
		if name != "compositeResponse" {
			return nil
		}
		return cut.elements(func() error { parts++; return cut.members(part) })
	})
	switch {
	case err != nil || cut.end() != nil || parts != 1 || status == 0:
		return Page{}, errForm()
	case status < 200 || status > 299:
		return Page{}, salesforce.Refusal(status, refusal)
	case page.raw == nil:
		return Page{}, errForm()
	}
	return page, nil
}

// page reads a query's answer: {"totalSize","done","nextRecordsUrl","records"}.
func (c *cutter) page(p *Page) error {
	done := true
	err := c.members(func(name string) (err error) {
		var n int64
		switch name {
		case "totalSize":
			n, err = c.number()
			p.Total = int(n)
		case "done":
			done, err = c.truth()
		case "nextRecordsUrl":
			p.next, err = c.text()
		case "records":
			err = c.elements(func() error {
				record, err := c.value()
				p.Records = append(p.Records, record)
				return err
			})
		}
		return err
	})
	// An answer that says neither that it is complete nor where it goes on would
	// be a silent short page.
	if err != nil || done != (p.next == "") {
		return errForm()
	}
	return nil
}

// trimColon drops what stands between a member's name and its value.
func trimColon(raw []byte) []byte {
	for i, b := range raw {
		if b == '{' {
			return raw[i:]
		}
	}
	return nil
}
