package bulk

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// Page is one set of a job's results, while it is being read. It belongs to the
// turn of the loop that it came with.
type Page struct {
	// Locator is where the page begins, "" for the first. It stays the same for
	// as long as the job exists.
	Locator string
	// Next is where the page behind it begins, "" behind the last.
	Next string
	// Records is how many rows the page has.
	Records int
	// Header names the columns, in the order of the query; nil if the page is
	// empty and came without.
	Header []string

	scanner *scanner
}

// Rows yields the rows of the page as cells, valid until the next row; both null
// and an empty text are an empty cell. The page is complete if the loop ends
// without an error. A page is read once.
func (p Page) Rows() iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		for n := 0; ; n++ {
			row, err := p.scanner.next()
			switch {
			case err == io.EOF && n == p.Records:
				return
			case err == io.EOF, err == nil && n == p.Records:
				row, err = nil, fault.New(fault.ResponseInvalid, "bulk.Rows",
					"the page has another number of rows than Salesforce announced; read it again from its locator")
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Results yields the pages of a complete job one behind the other, from the page
// at locator on, "" for all. After the last page of all, their records are
// counted against Job.Records: a difference is ResponseInvalid. The first error ends
// the loop; go on from the Next of the last page that was read to its end.
func (j *Jobs) Results(ctx context.Context, job Job, locator string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		whole, total := locator == "", 0
		for {
			page, body, err := j.page(ctx, job, locator)
			if err != nil {
				yield(Page{}, err)
				return
			}
			more := yield(page, nil)
			body.Close()
			total += page.Records
			if !more {
				return
			}
			if page.Next == "" {
				break
			}
			locator = page.Next
		}
		if whole && total != job.Records {
			yield(Page{}, missing(job))
		}
	}
}

// page opens the page at the locator.
func (j *Jobs) page(ctx context.Context, job Job, locator string) (Page, io.Closer, error) {
	if err := job.readable(); err != nil {
		return Page{}, nil, err
	}
	query := url.Values{}
	if locator != "" {
		query.Set("locator", locator)
	}
	if j.PageRecords > 0 {
		query.Set("maxRecords", strconv.Itoa(j.PageRecords))
	}
	page, body, err := j.open(ctx, job, locator, salesforce.Request{Path: job.path("results"), Query: query})
	if err != nil {
		return Page{}, nil, err
	}
	if page, err = page.begin(job, body); err != nil {
		body.Close()
		return Page{}, nil, err
	}
	return page, body, nil
}

// open makes the call for a page and reads what its headers say.
func (j *Jobs) open(ctx context.Context, job Job, locator string, r salesforce.Request) (Page, io.ReadCloser, error) {
	r.Header = http.Header{"Accept": {"text/csv"}}
	resp, err := j.org.Do(ctx, r)
	if err != nil {
		return Page{}, nil, err
	}
	page := Page{Locator: locator, Next: resp.Header.Get("Sforce-Locator")}
	page.Records, err = strconv.Atoi(resp.Header.Get("Sforce-NumberOfRecords"))
	if err != nil || page.Records < 0 || page.Next == "" || page.Next == locator {
		resp.Body.Close()
		return Page{}, nil, fault.New(fault.ResponseInvalid, "bulk.Results",
			"the answer is not a page of results; check that the instance URL is that of the org")
	}
	if page.Next == "null" { // the last page's locator is this text
		page.Next = ""
	}
	return page, resp.Body, nil
}

// begin reads the header row.
func (p Page) begin(job Job, body io.Reader) (Page, error) {
	p.scanner = newScanner(body, job.delimiter)
	row, err := p.scanner.next()
	if err != nil && err != io.EOF {
		return Page{}, err
	}
	for _, name := range row {
		p.Header = append(p.Header, string(name))
	}
	return p, nil
}

// path is that of a job's resource under the version that created it.
func (j Job) path(resource string) string {
	return "/services/data/v" + j.APIVersion + "/jobs/query/" + j.ID + "/" + resource
}

// readable says why a job has no results to read.
func (j Job) readable() error {
	if err := j.ended(); err != nil {
		return err
	}
	if j.State != JobComplete || j.delimiter == 0 {
		return fault.New(fault.RequestInvalid, "bulk.Results", "the job is not complete; wait for it, then read the job that Wait returned")
	}
	return nil
}

func missing(job Job) error {
	return fault.New(fault.ResponseInvalid, "bulk.Results",
		"the pages together have another number of records than the job; read the job again from its start")
}
