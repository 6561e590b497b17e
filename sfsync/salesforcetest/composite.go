package salesforcetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxSubrequests is how many parts a composite request may have (REST API
// Developer Guide, "Composite").
const maxSubrequests = 25

type compositeRequest struct {
	AllOrNone bool `json:"allOrNone"`
	Requests  []struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		ID      string            `json:"referenceId"`
		Headers map[string]string `json:"httpHeaders"`
		Body    json.RawMessage   `json:"body"`
	} `json:"compositeRequest"`
}

type compositeResponse struct {
	Body    json.RawMessage   `json:"body"`
	Headers map[string]string `json:"httpHeaders"`
	Status  int               `json:"httpStatusCode"`
	ID      string            `json:"referenceId"`
}

// serveComposite answers composite and composite/sobjects.
func (o *Org) serveComposite(c *call) (*answer, error) {
	switch {
	case c.at(1) == "sobjects":
		return o.serveCollection(c)
	case c.at(1) != "":
		return nil, noSuchResource()
	case c.Method != http.MethodPost:
		return nil, notAllowed(c)
	}
	var batch compositeRequest
	if err := c.decode(&batch); err != nil {
		return nil, err
	}
	if len(batch.Requests) == 0 || len(batch.Requests) > maxSubrequests {
		return nil, refuse(http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf("The composite request must have 1 to %d subrequests.", maxSubrequests))
	}
	responses, err := o.runComposite(c, &batch)
	if err != nil {
		return nil, err
	}
	return okValue(map[string]any{"compositeResponse": responses})
}

// runComposite runs the parts in order. With allOrNone they are one
// transaction, and one failure undoes them all.
func (o *Org) runComposite(c *call, batch *compositeRequest) ([]compositeResponse, error) {
	var tx *Tx
	if batch.AllOrNone {
		tx = o.begin(o.state.UserID, c.origin("rest"), false)
		defer tx.Rollback()
	}
	results := map[string]any{}
	responses := make([]compositeResponse, 0, len(batch.Requests))
	failed := false
	for _, part := range batch.Requests {
		response := compositeResponse{ID: part.ID, Headers: map[string]string{}}
		a, err := o.runPart(c, tx, part.Method, refer(part.URL, results), []byte(refer(string(part.Body), results)), part.Headers)
		if err != nil {
			a = errorAnswer(err)
		}
		for name, value := range a.header {
			response.Headers[name] = value
		}
		response.Status, response.Body = a.status, a.body
		failed = failed || a.status >= 400
		var value any
		if json.Unmarshal(a.body, &value) == nil {
			results[part.ID] = value
		}
		responses = append(responses, response)
	}
	if tx != nil && failed {
		return halted(responses), nil
	}
	if tx != nil {
		return responses, tx.Commit()
	}
	return responses, nil
}

// halted replaces what was done and undone.
func halted(responses []compositeResponse) []compositeResponse {
	for i, r := range responses {
		if r.Status < 400 {
			e := refuse(http.StatusBadRequest, "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed.")
			responses[i] = compositeResponse{Body: errorAnswer(e).body, Headers: map[string]string{}, Status: 400, ID: r.ID}
		}
	}
	return responses
}

// runPart runs one subrequest under the session of the whole.
func (o *Org) runPart(c *call, tx *Tx, method, target string, body []byte, headers map[string]string) (*answer, error) {
	u, err := url.Parse(strings.ReplaceAll(target, " ", "+")) // captures have queries with blanks
	if err != nil || !strings.HasPrefix(u.Path, "/services/data/") {
		return nil, noSuchResource()
	}
	r := c.Clone(c.Context())
	r.Method, r.URL, r.Body = method, u, io.NopCloser(bytes.NewReader(body))
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	path := cleanPath(r)
	if len(path) < 4 || path[2] != c.version {
		return nil, noSuchResource()
	}
	return o.route(&call{Request: r, version: path[2], path: path[3:], session: c.session, tx: tx})
}

var reference = regexp.MustCompile(`@\{([^}.\[]+)((?:\.\w+|\[\d+\])*)\}`)

// refer puts earlier results where @{referenceId.member[0].member} stands.
func refer(text string, results map[string]any) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		m := reference.FindStringSubmatch(match)
		value := results[m[1]]
		for _, step := range regexp.MustCompile(`\w+`).FindAllString(m[2], -1) {
			switch v := value.(type) {
			case map[string]any:
				value = v[step]
			case []any:
				if i, err := strconv.Atoi(step); err == nil && i < len(v) {
					value = v[i]
				}
			}
		}
		return fmt.Sprint(value)
	})
}
