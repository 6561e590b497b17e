package rest

import (
	"bytes"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// cutter walks over a JSON answer in one pass and cuts values out of it without
// copying or decoding them. What it cuts out shares the answer's memory.
type cutter struct {
	*jsontext.Decoder
	data []byte
}

func newCutter(data []byte) *cutter {
	return &cutter{jsontext.NewDecoder(bytes.NewBuffer(data)), data}
}

// members calls visit at each member of the object that follows; a value that
// visit leaves is skipped.
func (c *cutter) members(visit func(name string) error) error {
	if err := c.open(jsontext.KindBeginObject); err != nil {
		return err
	}
	for c.PeekKind() != jsontext.KindEndObject {
		token, err := c.ReadToken()
		if err != nil {
			return errForm()
		}
		name, before := token.String(), c.InputOffset()
		if err := visit(name); err != nil {
			return err
		}
		if c.InputOffset() == before && c.SkipValue() != nil {
			return errForm()
		}
	}
	return c.close()
}

// elements calls visit at each element of the array that follows; visit must
// read it.
func (c *cutter) elements(visit func() error) error {
	if err := c.open(jsontext.KindBeginArray); err != nil {
		return err
	}
	for c.PeekKind() != jsontext.KindEndArray {
		if err := visit(); err != nil {
			return err
		}
	}
	return c.close()
}

// end refuses an answer that goes on after its value.
func (c *cutter) end() error {
	if _, err := c.ReadToken(); err != io.EOF {
		return errForm()
	}
	return nil
}

func (c *cutter) open(kind jsontext.Kind) error {
	token, err := c.ReadToken()
	if err != nil || token.Kind() != kind {
		return errForm()
	}
	return nil
}

func (c *cutter) close() error {
	if _, err := c.ReadToken(); err != nil {
		return errForm()
	}
	return nil
}

// value cuts out the value that follows.
func (c *cutter) value() ([]byte, error) {
	raw, err := c.ReadValue()
	if err != nil {
		return nil, errForm()
	}
	end := c.InputOffset()
	return c.data[end-int64(len(raw)) : end : end], nil
}

func (c *cutter) text() (string, error) {
	token, err := c.ReadToken()
	switch {
	case err != nil:
		return "", errForm()
	case token.Kind() == jsontext.KindNull:
		return "", nil
	case token.Kind() != jsontext.KindString:
		return "", errForm()
	}
	return token.String(), nil
}

func (c *cutter) number() (int64, error) {
	token, err := c.ReadToken()
	if err != nil || token.Kind() != jsontext.KindNumber {
		return 0, errForm()
	}
	n, err := strconv.ParseInt(token.String(), 10, 64)
	if err != nil {
		return 0, errForm()
	}
	return n, nil
}

func (c *cutter) truth() (bool, error) {
	token, err := c.ReadToken()
	if err != nil || token.Kind() != jsontext.KindTrue && token.Kind() != jsontext.KindFalse {
		return false, errForm()
	}
	return token.Kind() == jsontext.KindTrue, nil
}
