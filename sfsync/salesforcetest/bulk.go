package salesforcetest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// jobs are the Bulk 2.0 query jobs of this run.
type jobs struct {
	mu   sync.Mutex
	list []*job
	n    int64
	fail int // how many of the next are to fail

	ingests []*ingest
}

// FailJobs makes the next n query jobs end as Failed, as those that the service
// tried fifteen times.
func (o *Org) FailJobs(n int) {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	o.jobs.fail = n
}

// AbortJobs aborts the query jobs that are not complete, as an administrator
// can.
func (o *Org) AbortJobs() {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	for _, j := range o.jobs.list {
		if j.running() {
			j.state = "Aborted"
		}
	}
}

// ExpireJobs removes every job with its results, as seven days do.
func (o *Org) ExpireJobs() {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	o.jobs.list, o.jobs.ingests = nil, nil
}

func (j *job) running() bool { return j.state == "UploadComplete" || j.state == "InProgress" }

// job is one query job. Its rows are those of the moment it was created.
type job struct {
	id        string
	operation string
	text      string
	version   string
	delimiter string // COMMA and so on
	ending    string // LF or CRLF
	created   time.Time
	query     *selection
	view      *view
	rows      []*row
	state     string
	failure   string
	polls     int // until it is complete
}

var delimiters = map[string]string{"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}

func (js *jobs) made() int {
	js.mu.Lock()
	defer js.mu.Unlock()
	return int(js.n)
}

func (js *jobs) add(j *job) {
	js.mu.Lock()
	defer js.mu.Unlock()
	js.n++
	if js.fail > 0 {
		js.fail--
		j.failure = "Tried more than fifteen times"
	}
	j.id = recordID("750", js.n)
	js.list = append(js.list, j)
}

// find is a job by its id in either length.
func (js *jobs) find(id string) *job {
	js.mu.Lock()
	defer js.mu.Unlock()
	long, _ := longID(id)
	if i := slices.IndexFunc(js.list, func(j *job) bool { return j.id == long }); i >= 0 {
		return js.list[i]
	}
	return nil
}

func (js *jobs) remove(j *job) {
	js.mu.Lock()
	defer js.mu.Unlock()
	js.list = slices.DeleteFunc(js.list, func(other *job) bool { return other == j })
}

// serveJobs answers jobs/query (Bulk API 2.0 Developer Guide, "Query").
func (o *Org) serveJobs(c *call) (*answer, error) {
	switch {
	case c.at(1) == "ingest":
		return o.serveIngest(c)
	case c.at(1) != "query":
		return nil, noSuchResource()
	case c.at(2) == "":
		switch c.Method {
		case http.MethodPost:
			return o.createJob(c)
		case http.MethodGet:
			return o.listJobs(c)
		}
		return nil, notAllowed(c)
	}
	j := o.jobs.find(c.at(2))
	switch {
	case j == nil:
		return nil, refuse(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
	case c.at(3) == "results" && c.Method == http.MethodGet:
		return o.serveResults(c, j)
	case lower(c.at(3)) == "resultpages" && c.Method == http.MethodGet:
		return o.serveResultPages(c, j)
	case c.at(3) != "":
		return nil, noSuchResource()
	case c.Method == http.MethodGet:
		j.poll(&o.jobs)
		return okValue(o.jobBody(j, true))
	case c.Method == http.MethodPatch:
		return o.abortJob(c, j)
	case c.Method == http.MethodDelete:
		return o.deleteJob(j)
	}
	return nil, notAllowed(c)
}

func (o *Org) createJob(c *call) (*answer, error) {
	var in struct {
		Operation       string `json:"operation"`
		Query           string `json:"query"`
		ContentType     string `json:"contentType"`
		ColumnDelimiter string `json:"columnDelimiter"`
		LineEnding      string `json:"lineEnding"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	j := &job{operation: in.Operation, text: in.Query, version: c.version, delimiter: in.ColumnDelimiter, ending: in.LineEnding,
		created: o.now(), state: "UploadComplete", polls: o.cfg.BulkPolls}
	if j.delimiter == "" {
		j.delimiter = "COMMA"
	}
	if j.ending == "" {
		j.ending = "LF"
	}
	if (in.Operation != "query" && in.Operation != "queryAll") || delimiters[j.delimiter] == "" || (j.ending != "LF" && j.ending != "CRLF") ||
		in.ContentType != "" && in.ContentType != "CSV" {
		return nil, refuse(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : Unable to find a supported operation, contentType, columnDelimiter or lineEnding")
	}
	var err error
	if j.query, err = parseSOQL(in.Query, o.visible, o.readable); err != nil {
		return nil, err
	}
	o.jobs.add(j)
	o.runJob(j)
	return okValue(o.jobBody(j, false))
}

// runJob reads the rows of a job, or fails it for what Bulk queries cannot do.
func (o *Org) runJob(j *job) {
	compound := slices.ContainsFunc(j.query.columns, func(c *column) bool { return c.field.compound() })
	switch {
	case compound:
		j.failure = "FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported in Bulk Query"
	case j.query.count || j.query.offset > 0:
		j.failure = "FEATURENOTENABLED: aggregate queries and OFFSET are not supported in Bulk Query"
	default:
		j.view = o.look(j.query, j.operation == "queryAll")
		j.rows = j.view.run(j.query)
	}
}

// poll moves a job on: it is complete after as many polls as configured.
func (j *job) poll(js *jobs) {
	js.mu.Lock()
	defer js.mu.Unlock()
	if !j.running() {
		return
	}
	switch j.polls--; {
	case j.polls >= 0:
		j.state = "InProgress"
	case j.failure != "":
		j.state = "Failed"
	default:
		j.state = "JobComplete"
	}
}

// jobBody is a job as JSON: the short form of its creation, or the long one.
func (o *Org) jobBody(j *job, long bool) map[string]any {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	m := o.jobHead(j.id, j.operation, j.query.object.Name, j.state, j.version, j.ending, j.delimiter, j.created)
	if !long {
		return m
	}
	m["jobType"], m["retries"], m["totalProcessingTime"], m["isPkChunkingSupported"] = "V2Query", 0, 0, true
	m["numberRecordsProcessed"] = 0
	switch j.state {
	case "JobComplete":
		m["numberRecordsProcessed"] = len(j.rows)
	case "Failed":
		m["errorMessage"] = j.failure
	}
	return m
}

// jobHead is what query and ingest jobs have in common.
func (o *Org) jobHead(id, operation, object, state, version, ending, delimiter string, created time.Time) map[string]any {
	number, _ := strconv.ParseFloat(strings.TrimPrefix(version, "v"), 64)
	stamp := created.UTC().Format(replicationLayout)
	return map[string]any{"id": id, "operation": operation, "object": object, "createdById": o.state.UserID,
		"createdDate": stamp, "systemModstamp": stamp, "state": state, "concurrencyMode": "Parallel", "contentType": "CSV",
		"apiVersion": number, "lineEnding": ending, "columnDelimiter": delimiter}
}

func (o *Org) listJobs(*call) (*answer, error) {
	o.jobs.mu.Lock()
	list := slices.Clone(o.jobs.list)
	o.jobs.mu.Unlock()
	records := []any{}
	for _, j := range list {
		records = append(records, o.jobBody(j, true))
	}
	return okValue(map[string]any{"done": true, "records": records, "nextRecordsUrl": nil})
}

func (o *Org) abortJob(c *call, j *job) (*answer, error) {
	var in struct {
		State string `json:"state"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	o.jobs.mu.Lock()
	running := j.running()
	if running && in.State == "Aborted" {
		j.state = "Aborted"
	}
	o.jobs.mu.Unlock()
	if !running || in.State != "Aborted" {
		return nil, refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
	}
	return okValue(o.jobBody(j, false))
}

func (o *Org) deleteJob(j *job) (*answer, error) {
	o.jobs.mu.Lock()
	running := j.running()
	o.jobs.mu.Unlock()
	if running {
		return nil, refuse(http.StatusBadRequest, "API_ERROR", "Error encountered when deleting the job because the job is not terminated")
	}
	o.jobs.remove(j)
	return &answer{status: http.StatusNoContent}, nil
}
