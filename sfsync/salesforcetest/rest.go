package salesforcetest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// The API versions that are answered: Summer '14, the oldest that the service
// has not retired, to Summer '26.
const (
	oldestVersion = 31
	newestVersion = 67
)

// call is one data API request: of its own, or a part of a composite one.
type call struct {
	*http.Request
	version string   // "v67.0"
	path    []string // after the version
	session *session
	tx      *Tx // the transaction of a composite request that is all or none
}

// answer is what a call gets. The body is JSON as it is sent, or is written
// by stream.
type answer struct {
	status int
	header map[string]string
	body   []byte
	stream func(w io.Writer) error
}

func ok(body []byte) (*answer, error) { return &answer{status: http.StatusOK, body: body}, nil }

// okValue encodes what has no order to keep.
func okValue(v any) (*answer, error) { return ok(encode(v)) }

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("salesforcetest: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// routes are the resources below /services/data/vNN.0.
func routes(first string) func(*Org, *call) (*answer, error) {
	switch first {
	case "query", "queryAll":
		return (*Org).serveQuery
	case "tooling":
		return (*Org).serveTooling
	case "sobjects":
		return (*Org).serveObjects
	case "composite":
		return (*Org).serveComposite
	case "limits":
		return (*Org).serveLimits
	case "jobs":
		return (*Org).serveJobs
	}
	return func(*Org, *call) (*answer, error) { return nil, noSuchResource() }
}

var versionPattern = regexp.MustCompile(`^v(\d\d)\.0$`)

// serveData answers /services/data and what is below it.
func (o *Org) serveData(w http.ResponseWriter, r *http.Request, path []string) {
	if len(path) == 0 {
		o.respond(w, r, &answer{status: http.StatusOK, body: versions()}, nil)
		return
	}
	c := &call{Request: r, version: path[0], path: path[1:]}
	a, err := o.admit(c)
	if err == nil && a == nil {
		err = c.inflate()
	}
	if err == nil && a == nil {
		a, err = o.route(c)
	}
	w.Header().Set("Sforce-Limit-Info", o.api.info(o.cfg))
	o.respond(w, r, a, err)
}

// admit checks version, session and the daily limit, in this order.
func (o *Org) admit(c *call) (*answer, error) {
	m := versionPattern.FindStringSubmatch(c.version)
	if m == nil {
		return nil, noSuchResource()
	}
	if n, _ := strconv.Atoi(m[1]); n < oldestVersion || n > newestVersion {
		return nil, noSuchResource()
	}
	if c.session = o.session(bearer(c.Header.Get("Authorization"))); c.session == nil {
		return nil, refuse(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
	}
	if !o.api.count(o.cfg) {
		return nil, DailyLimit.err()
	}
	if len(c.path) == 0 {
		return okValue(o.resources(c))
	}
	return nil, nil
}

func (o *Org) route(c *call) (*answer, error) { return routes(c.path[0])(o, c) }

// resources is the answer of GET /services/data/vNN.0. The identity URL is
// absolute, and jsforce asks for it.
func (o *Org) resources(c *call) map[string]string {
	all := map[string]string{"identity": o.base(c.Request, "login") + "/id/" + o.state.OrgID + "/" + o.state.UserID}
	for _, name := range []string{"sobjects", "query", "queryAll", "composite", "limits", "jobs", "tooling"} {
		all[name] = "/services/data/" + c.version + "/" + name
	}
	return all
}

func versions() []byte {
	seasons := []string{"Winter", "Spring", "Summer"}
	var list []map[string]string
	for n := oldestVersion; n <= newestVersion; n++ {
		year := 14 + (n-oldestVersion+2)/3
		number := strconv.Itoa(n) + ".0"
		list = append(list, map[string]string{"label": seasons[(n-oldestVersion+2)%3] + " '" + strconv.Itoa(year),
			"url": "/services/data/v" + number, "version": number})
	}
	return encode(list)
}

// respond writes an answer or an error.
func (o *Org) respond(w http.ResponseWriter, r *http.Request, a *answer, err error) {
	if err != nil {
		a = errorAnswer(err)
	}
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json;charset=UTF-8")
	}
	for name, value := range a.header {
		h[name] = []string{value} // as Salesforce spells it
	}
	body := a.body
	if r.Header.Get("X-PrettyPrint") == "1" && len(body) > 0 {
		body = pretty(body)
	}
	if len(body) == 0 && a.stream == nil {
		w.WriteHeader(a.status)
		return
	}
	out, done := compress(w, r)
	w.WriteHeader(a.status)
	if a.stream != nil {
		err = a.stream(out)
	} else {
		_, err = out.Write(body)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the caller left
	}
	done()
}

var gzips = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}

// compress sends gzip to whoever asks for it, as the service does.
func compress(w http.ResponseWriter, r *http.Request) (io.Writer, func()) {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return w, func() {}
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzips.Get().(*gzip.Writer)
	z.Reset(w)
	return z, func() {
		_ = z.Close() // a caller that left is noticed by the server
		gzips.Put(z)
	}
}

// pretty indents as the service does, with a space before the colon.
func pretty(body []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return body
	}
	return colon.ReplaceAll(b.Bytes(), []byte(`$1 : `))
}

// colon is the end of a key at the start of an indented line.
var colon = regexp.MustCompile(`(?m)^( *"(?:[^"\\]|\\.)*"): `)

// errorAnswer is the error body of the data API: an array, also of one.
func errorAnswer(err error) *answer {
	e, ok := err.(*refusal)
	if !ok {
		e = &refusal{status: http.StatusInternalServerError, code: "UNKNOWN_EXCEPTION", message: err.Error()}
	}
	return &answer{status: e.status, body: encode([]any{e.body("errorCode")})}
}

// body is the error as a member; the key of the code is errorCode at the top
// and statusCode inside a collection.
func (e *refusal) body(key string) map[string]any {
	m := map[string]any{"message": e.message, key: e.code}
	if e.fields != nil || key == "statusCode" {
		m["fields"] = append([]string{}, e.fields...)
	}
	return m
}

// inflate has a body in gzip read as what it is. Some clients announce one with
// a GET and send none.
func (c *call) inflate() error {
	if !strings.EqualFold(c.Header.Get("Content-Encoding"), "gzip") {
		return nil
	}
	z, err := gzip.NewReader(c.Body)
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "JSON_PARSER_ERROR", "The request body is not in gzip")
	}
	c.Body = io.NopCloser(z)
	return nil
}

// decode reads a JSON body, numbers exact.
func (c *call) decode(v any) error {
	d := json.NewDecoder(c.Body)
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return refuse(http.StatusBadRequest, "JSON_PARSER_ERROR", "Unexpected character or end of input at [line:1, column:1]")
	}
	return nil
}

// at is a part of the path, "" behind its end.
func (c *call) at(i int) string {
	if i < len(c.path) {
		return c.path[i]
	}
	return ""
}

// origin is the changeOrigin of what this call writes through an API.
func (c *call) origin(api string) string {
	client := ""
	for option := range strings.SplitSeq(c.Header.Get("Sforce-Call-Options"), ",") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(option), "client="); ok {
			client = value
		}
	}
	return "com/salesforce/api/" + api + "/" + strings.TrimPrefix(c.version, "v") + ";client=" + client
}
