package sfsync

import (
	"context"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// split owes a range in two halves, because the org could not read it in the
// time it gives a job: the same job again might never end. It returns false for
// a range of less than two records.
func (s *session) split(ctx context.Context, o *object, read store.Read) (bool, error) {
	first, err := s.endOf(ctx, o, read.Range, "ASC")
	if err != nil {
		return false, err
	}
	last, err := s.endOf(ctx, o, read.Range, "DESC")
	if err != nil || first == last {
		return false, err
	}
	below, above := read.Range, read.Range
	below.To = middle(first, last)
	above.From = below.To
	s.log.Info("a read of records takes the org too long; it is made in two", "object", o.name)
	o.dropRead(read.ID)
	return true, s.commitAlone(ctx, store.ObjectBatch{Object: o.name, End: []int64{read.ID},
		Owe: []store.Range{below, above}, Paid: []store.Range{read.Range}})
}

// endOf returns the first or last id of a range, "" if it has none.
func (s *session) endOf(ctx context.Context, o *object, r store.Range, order string) (string, error) {
	for page, err := range s.rest.Pages(ctx, within("SELECT Id FROM "+o.api, r)+" ORDER BY Id "+order+" LIMIT 1") {
		if err != nil || len(page.Records) == 0 {
			return "", err
		}
		var record struct{ ID string }
		if json.Unmarshal(page.Records[0], &record) == nil {
			if id, ok := recordid.Normalize(record.ID); ok {
				return id, nil
			}
		}
	}
	return "", fault.New(fault.ResponseInvalid, "sfsync.Run", "the answer has no Id; check what answers at the My Domain URL").On(o.api)
}

// within limits a query without conditions to a range. Ids are numbers of base 62
// in the order of their characters, and a bound need not be a record's, as in
// the bounds of PK chunking (Bulk API guide, "PK Chunking Header").
func within(soql string, r store.Range) string {
	var bounds []string
	if r.From != "" {
		bounds = append(bounds, "Id > '"+r.From+"'")
	}
	if r.To != "" {
		bounds = append(bounds, "Id <= '"+r.To+"'")
	}
	if len(bounds) == 0 {
		return soql
	}
	return soql + " WHERE " + strings.Join(bounds, " AND ")
}

// digits of an id, in their order, and as math/big has them: small letters first.
const (
	idDigits  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	bigDigits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// middle is an id from first, inclusive, to last, exclusive, about half way.
func middle(first, last string) string {
	sum := new(big.Int).Add(number(first), number(last))
	text := translate(sum.Rsh(sum, 1).Text(len(idDigits)), bigDigits, idDigits)
	id, _ := recordid.Normalize(strings.Repeat("0", 15-len(text)) + text)
	return id
}

func number(id string) *big.Int {
	n, _ := new(big.Int).SetString(translate(id[:15], idDigits, bigDigits), len(idDigits))
	return n
}

func translate(text, from, to string) string {
	return strings.Map(func(r rune) rune { return rune(to[strings.IndexRune(from, r)]) }, text)
}
