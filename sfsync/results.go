package sfsync

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// pagesAtOnce is how many pages of results are under way at once, of all objects
// together, so that memory stays flat. Each streams from a connection of its own,
// and its rows are sealed beside those of the others: neither one connection nor
// one core bounds the read of a large object.
const pagesAtOnce = 3

// readResults reads what is left of a complete job.
func (s *session) readResults(ctx context.Context, o *object, read *store.Read, job bulk.Job) error {
	s.status.reading(o.name, read.Done, int64(job.Records))
	all := s.readTogether
	if s.bulk.PageRecords > 0 {
		all = s.readInTurn
	}
	if err := all(ctx, o, read, job); err != nil {
		return err
	}
	return s.endRead(ctx, o, read, job)
}

// readInTurn reads pages of a bounded size one behind the other, so that a run
// with a budget ends close to it.
func (s *session) readInTurn(ctx context.Context, o *object, read *store.Read, job bulk.Job) error {
	for page, err := range s.bulk.Results(ctx, job, o.openPage(read)) {
		if err != nil {
			return err
		}
		if err := s.readPage(ctx, o, read, job, page); err != nil {
			return err
		}
		if err := s.turnPage(ctx, o, read, page.Locator, page.Next); err != nil {
			return err
		}
	}
	return nil
}

// readTogether reads pages as the org cuts them, several at once.
func (s *session) readTogether(ctx context.Context, o *object, read *store.Read, job bulk.Job) error {
	pages, inner := errgroup.WithContext(ctx)
	pages.SetLimit(pagesAtOnce)
	var err error
	for link, failed := range s.bulk.Links(inner, job) {
		if err = failed; err != nil {
			break
		}
		if !o.begunPage(read, link.Locator).Whole {
			pages.Go(func() error { return s.readLink(ctx, inner, o, read, job, link) })
		}
	}
	if failed := pages.Wait(); failed != nil { // it is why inner ended
		err = failed
	}
	return err
}

// readLink reads a page until pages ends, which is when another has failed: no
// more is read then, but what was read is settled and committed under ctx, as
// settled rows that are not committed would be lost to this session.
func (s *session) readLink(ctx, pages context.Context, o *object, read *store.Read, job bulk.Job, link bulk.Link) error {
	select {
	case s.turning <- struct{}{}:
		defer func() { <-s.turning }()
	case <-pages.Done():
		return fault.Wrap(pages.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
	}
	page, body, err := s.bulk.Open(pages, job, link)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := s.readPage(ctx, o, read, job, page); err != nil {
		return err
	}
	return s.turnPage(ctx, o, read, link.Locator, "")
}

// turnPage makes it durable that a page is done, so that no later run reads it
// again; next is the page to go on with, if they are read in turn.
func (s *session) turnPage(ctx context.Context, o *object, read *store.Read, locator, next string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	pageOf(read, locator).Whole = true
	if next != "" {
		pageOf(read, next)
	}
	_, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{{Object: o.name, Update: []store.Read{clone(*read)}}}})
	return err
}

// openPage is where to go on if pages are read in turn.
func (o *object) openPage(read *store.Read) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(read.Pages); n > 0 && !read.Pages[n-1].Whole {
		return read.Pages[n-1].Locator
	}
	return ""
}

// begunPage is how far a page of the read has been queued.
func (o *object) begunPage(read *store.Read, locator string) store.Page {
	o.mu.Lock()
	defer o.mu.Unlock()
	return *pageOf(read, locator)
}

// pageOf finds the page in the read, to be changed. The caller holds the object.
func pageOf(read *store.Read, locator string) *store.Page {
	i := slices.IndexFunc(read.Pages, func(p store.Page) bool { return p.Locator == locator })
	if i < 0 {
		i, read.Pages = len(read.Pages), append(read.Pages, store.Page{Locator: locator})
	}
	return &read.Pages[i]
}

// clone is the read as it is now, for a batch.
func clone(read store.Read) store.Read {
	read.Pages = slices.Clone(read.Pages)
	return read
}
