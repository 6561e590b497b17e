package bulk

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/url"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// Link names a page of a job's results. Its locator names it for as long as the
// job exists.
type Link struct {
	Locator string
	url     string // the page's own path and query
}

// Links yields the pages of a complete job in their order, for a caller who
// reads several at once with [Jobs.Open]; the job's API version must be 58.0 or
// later.
func (j *Jobs) Links(ctx context.Context, job Job) iter.Seq2[Link, error] {
	return func(yield func(Link, error) bool) {
		if err := job.readable(); err != nil {
			yield(Link{}, err)
			return
		}
		for next := job.path("resultPages"); next != ""; {
			pages, more, err := j.list(ctx, job, next)
			if err == nil && more == next {
				err = notPages(job)
			}
			if err != nil {
				yield(Link{}, err)
				return
			}
			for _, l := range pages {
				if !yield(l, nil) {
					return
				}
			}
			next = more
		}
	}
}

// Open begins to read a page, which streams: it takes no memory ahead of its
// Rows. The caller closes it.
func (j *Jobs) Open(ctx context.Context, job Job, l Link) (Page, io.Closer, error) {
	page, body, err := j.open(ctx, job, l.Locator, salesforce.Request{Path: l.url})
	if err != nil {
		return Page{}, nil, err
	}
	if page, err = page.begin(job, body); err != nil {
		body.Close()
		return Page{}, nil, err
	}
	return page, body, nil
}

// list asks for pages, of which the org names at most five at once, and returns
// where to ask for more (Bulk API 2.0 guide, "Get Parallel Results for a Query
// Job").
func (j *Jobs) list(ctx context.Context, job Job, path string) (pages []Link, next string, err error) {
	body, _, err := j.org.Read(ctx, salesforce.Request{Path: path}, longestJob)
	if err != nil {
		return nil, "", err
	}
	var answer struct {
		Pages []struct {
			URL string `json:"resultUrl"`
		} `json:"resultPages"`
		Next  string `json:"nextRecordsUrl"` // as in the guide's example
		Other string `json:"nextRecordUrl"`  // as in its table
		Done  bool   `json:"done"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil, "", notPages(job)
	}
	for _, p := range answer.Pages {
		l, ok := job.link(p.URL, "results")
		if !ok {
			return nil, "", notPages(job)
		}
		pages = append(pages, l)
	}
	if answer.Done {
		return pages, "", nil
	}
	next = cmp.Or(answer.Next, answer.Other)
	if _, ok := job.link(next, "resultPages"); !ok {
		return nil, "", notPages(job)
	}
	return pages, next, nil
}

// link accepts a link that the org sent only as the path of a resource of this
// very job.
func (j Job) link(text, resource string) (Link, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.EqualFold(u.Path, j.path(resource)) {
		return Link{}, false
	}
	return Link{url: text, Locator: u.Query().Get("locator")}, true
}

func notPages(job Job) error {
	return fault.New(fault.ResponseInvalid, "bulk.ResultPages",
		"the answer does not list pages of this job; read them one behind the other instead")
}
