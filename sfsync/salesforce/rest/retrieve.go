package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// MaxRetrieve is how many records one Retrieve may ask for (REST API guide,
// "Get Multiple Records with Fields", POST).
const MaxRetrieve = 2000

// Answer is what the org says about a list of records.
type Answer struct {
	// Records has one entry for each id asked for, in the same order: the record as
	// the org sent it, or nil where the org says that there is none to see.
	Records [][]byte
	// ServerTime is the org's clock when it answered, to the second; the zero time
	// if it did not say.
	ServerTime time.Time
}

// Retrieve reads fields of up to MaxRetrieve records by id; Id is always among
// them. A nil record is the org's word that it is absent. Anything else that
// keeps a record from being read is an error for the whole call, such as an id
// that is none of this object: ask for halves to find it.
func (c *Client) Retrieve(ctx context.Context, object string, ids, fields []string) (Answer, error) {
	if len(ids) == 0 {
		return Answer{}, nil
	}
	if len(ids) > MaxRetrieve {
		return Answer{}, fault.New(fault.RequestInvalid, "rest.Retrieve", "too many ids; ask for at most rest.MaxRetrieve at once").On(object)
	}
	if !apiName(object) {
		return Answer{}, errName()
	}
	if !slices.Contains(fields, "Id") {
		fields = append([]string{"Id"}, fields...)
	}
	body, err := json.Marshal(map[string][]string{"ids": ids, "fields": fields})
	if err != nil {
		return Answer{}, fault.New(fault.Internal, "rest.Retrieve", "the request cannot be sent; please report it")
	}
	data, header, err := c.org.Read(ctx, salesforce.Request{Method: http.MethodPost, Path: "composite/sobjects/" + object, Body: body, Repeatable: true}, longestPage)
	if err != nil {
		return Answer{}, ofObject(err, object)
	}
	answer := Answer{ServerTime: serverTime(header)}
	if answer.Records, err = readRecords(data, ids); err != nil {
		return Answer{}, on(err, object)
	}
	return answer, nil
}

// readRecords reads the list of records, null for an absent one, and holds each
// against the id at its place: a list out of step would give a record to
// someone else.
func readRecords(data []byte, ids []string) ([][]byte, error) {
	records := make([][]byte, 0, len(ids))
	cut := newCutter(data)
	err := cut.elements(func() error {
		record, err := cut.value()
		if err != nil || len(records) == len(ids) {
			return errForm()
		}
		if jsontext.Value(record).Kind() == jsontext.KindNull {
			record = nil
		} else if !isRecord(record, ids[len(records)]) {
			return errForm()
		}
		records = append(records, record)
		return nil
	})
	if err != nil || cut.end() != nil || len(records) != len(ids) {
		return nil, errForm()
	}
	return records, nil
}

func isRecord(record []byte, id string) bool {
	var got string
	cut := newCutter(record)
	err := cut.members(func(name string) (err error) {
		if name == "Id" {
			got, err = cut.text()
		}
		return err
	})
	want, ok := recordid.Normalize(id)
	return err == nil && ok && got == want
}
