package rest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// Fields are the values to write, by field. They are encoded with encoding/json:
// nil sets null, a json.Number keeps every digit.
type Fields map[string]any

// Create makes a record and returns its 18-character id. A write is not
// repeated by itself: after fault.Timeout or fault.Unavailable it may have
// happened, and only an external id ([Client.Upsert]) makes a repeat safe.
func (c *Client) Create(ctx context.Context, object string, fields Fields) (string, error) {
	if !apiName(object) {
		return "", errName()
	}
	body, err := encode(fields)
	if err != nil {
		return "", err
	}
	answer, err := c.through(ctx, http.MethodPost, "sobjects/"+object, body, longestAnswer)
	if err != nil {
		return "", on(err, object)
	}
	var created result
	if json.Unmarshal(answer, &created) != nil {
		return "", on(errForm(), object)
	}
	id, err := created.id()
	return id, on(err, object)
}

// Update changes the fields of a record and leaves the others.
func (c *Client) Update(ctx context.Context, object, id string, fields Fields) error {
	body, err := encode(fields)
	if err != nil {
		return err
	}
	return c.change(ctx, http.MethodPatch, object, id, body)
}

// Delete puts a record into the Recycle Bin.
func (c *Client) Delete(ctx context.Context, object, id string) error {
	return c.change(ctx, http.MethodDelete, object, id, nil)
}

func (c *Client) change(ctx context.Context, method, object, id string, body []byte) error {
	id, ok := recordid.Normalize(id)
	if !ok || !apiName(object) {
		return errName()
	}
	_, err := c.through(ctx, method, "sobjects/"+object+"/"+id, body, longestAnswer)
	return on(err, object)
}

// Upsert creates the record whose external id field has the value that fields
// give it, or updates it, and returns its id and whether it is new. The value
// travels in the body (REST API guide, "Upsert Multiple Records"), not in a URL
// as with a single upsert: an external id is often an e-mail address.
func (c *Client) Upsert(ctx context.Context, object, externalID string, fields Fields) (id string, created bool, err error) {
	if !apiName(object) || !apiName(externalID) || fields[externalID] == nil {
		return "", false, errName()
	}
	record := Fields{"attributes": map[string]string{"type": object}}
	for name, value := range fields {
		record[name] = value
	}
	body, err := encode(Fields{"allOrNone": true, "records": []Fields{record}})
	if err != nil {
		return "", false, err
	}
	answer, err := c.through(ctx, http.MethodPatch, "composite/sobjects/"+object+"/"+externalID, body, longestAnswer)
	if err != nil {
		return "", false, on(err, object)
	}
	var results []result
	if json.Unmarshal(answer, &results) != nil || len(results) != 1 {
		return "", false, on(errForm(), object)
	}
	id, err = results[0].id()
	return id, results[0].Created, on(err, object)
}

// result is the org's answer about one written record.
type result struct {
	ID      string          `json:"id"`
	Success bool            `json:"success"`
	Created bool            `json:"created"`
	Errors  json.RawMessage `json:"errors"`
}

func (r result) id() (string, error) {
	if !r.Success {
		return "", salesforce.Refusal(http.StatusBadRequest, r.Errors)
	}
	id, ok := recordid.Normalize(r.ID)
	if !ok {
		return "", errForm()
	}
	return id, nil
}

func encode(fields Fields) ([]byte, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fault.New(fault.RequestInvalid, "rest.Client", "a value cannot be written as JSON; give text, numbers, booleans or nil")
	}
	return body, nil
}
