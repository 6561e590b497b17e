package bulk

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// A job as JSON takes 1 KB, of which the query is the part without a bound: SOQL
// has at most 100,000 characters (SOQL and SOSL Limits).
const longestJob = 1 << 20

// State is where a job stands (Bulk API 2.0 guide, "Get Information About a
// Query Job").
type State string

// The states in their order; the last three are final.
const (
	UploadComplete State = "UploadComplete" // created, waiting
	InProgress     State = "InProgress"
	JobComplete    State = "JobComplete" // the results can be read
	Failed         State = "Failed"
	Aborted        State = "Aborted"
)

// Job is a query job. Salesforce keeps it and its results for 7 days.
type Job struct {
	// ID names the job in the org. It is all that is needed to go on with it
	// after a restart: [Jobs.Job] fetches the rest.
	ID string
	// State is that of the answer the Job came with.
	State State
	// Object is the API name of the object queried.
	Object string
	// Records is how many records the results have, once State is JobComplete.
	Records int
	// APIVersion is the version that created the job, such as "67.0". Results
	// are read with the same, or Salesforce refuses.
	APIVersion string
	// Created is when the org took the job up, by the org's clock, in whole
	// seconds. The query runs later: what was committed before is in the results.
	Created time.Time
	// Began is Created by this machine's clock, as far as the Date of the answer
	// tells how far the two differ.
	Began time.Time

	delimiter byte
	failure   string // the error code that errorMessage begins with, or ""
}

// Jobs runs the query jobs of one org. It is safe for concurrent use.
type Jobs struct {
	// PageRecords is the most records that a page of Results has; 0 leaves it to
	// Salesforce. Set it before use.
	PageRecords int

	org *salesforce.Org
}

// New returns the query jobs of the org. It does no I/O.
func New(org *salesforce.Org) *Jobs { return &Jobs{org: org} }

// Create starts a job for the query; with all, deleted and archived records are
// found too (queryAll). A call whose answer is lost may have created a job that
// runs and ends unused: it is not repeated, because 10,000 jobs a day are all
// there is (Bulk API 2.0 guide, "Limits").
func (j *Jobs) Create(ctx context.Context, soql string, all bool) (Job, error) {
	operation := "query"
	if all {
		operation = "queryAll"
	}
	body, err := json.Marshal(map[string]string{
		"operation": operation, "query": soql,
		"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF",
	})
	if err != nil {
		return Job{}, fault.New(fault.RequestInvalid, "bulk.Create", "the query is not valid UTF-8; write it anew")
	}
	return j.call(ctx, salesforce.Request{Method: http.MethodPost, Path: "jobs/query", Body: body})
}

// Job fetches a job by its id. A failed job is no error here. A job that was
// deleted or has expired is NotFound.
func (j *Jobs) Job(ctx context.Context, id string) (Job, error) {
	path, err := jobPath(id)
	if err != nil {
		return Job{}, err
	}
	return j.call(ctx, salesforce.Request{Path: path})
}

// Wait asks for the job until it is complete: at once, then after half a second,
// then ever less often, at last twice a minute. A failed job is the fault that
// its error code stands for; an aborted one is Conflict.
func (j *Jobs) Wait(ctx context.Context, id string) (Job, error) {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMaxInterval(30*time.Second), backoff.WithMaxElapsedTime(0))
	for {
		job, err := j.Job(ctx, id)
		if err != nil || job.State == JobComplete {
			return job, err
		}
		if err := job.ended(); err != nil {
			return job, err
		}
		select {
		case <-time.After(pause.NextBackOff()):
		case <-ctx.Done():
			return job, fault.Wrap(ctx.Err(), fault.Canceled, "bulk.Wait", "the context ended; the job goes on, wait for it again by its id")
		}
	}
}

// Abort stops a job that is not final yet. One that is, is RequestInvalid.
func (j *Jobs) Abort(ctx context.Context, id string) (Job, error) {
	path, err := jobPath(id)
	if err != nil {
		return Job{}, err
	}
	return j.call(ctx, salesforce.Request{Method: http.MethodPatch, Path: path, Body: []byte(`{"state":"Aborted"}`)})
}

// Delete removes a final job and its results from the org, which then holds no
// second copy of the data. A job that is gone already is no error.
func (j *Jobs) Delete(ctx context.Context, id string) error {
	path, err := jobPath(id)
	if err != nil {
		return err
	}
	_, _, err = j.org.Read(ctx, salesforce.Request{Method: http.MethodDelete, Path: path, Repeatable: true}, longestJob)
	if fault.CodeOf(err) == fault.NotFound {
		return nil
	}
	return err
}

func (j *Jobs) call(ctx context.Context, r salesforce.Request) (Job, error) {
	body, header, err := j.org.Read(ctx, r, longestJob)
	if err != nil {
		return Job{}, err
	}
	job, err := readJob(body)
	job.Began = job.Created
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		job.Began = time.Now().Add(job.Created.Sub(at))
	}
	return job, err
}

var (
	jobID   = regexp.MustCompile(`^[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?$`)
	version = regexp.MustCompile(`^[1-9][0-9]{1,2}\.0$`)
	// errorMessage is "CODE: text" or " CODE : text"; the text quotes the query.
	failure = regexp.MustCompile(`^\s*([A-Z_]{2,64})\s*:`)
)

func jobPath(id string) (string, error) {
	if !jobID.MatchString(id) {
		return "", fault.New(fault.RequestInvalid, "bulk.Job", "a job id has 15 or 18 letters and digits; give the one that Create returned")
	}
	return "jobs/query/" + id, nil
}

var delimiters = map[string]byte{"COMMA": ',', "BACKQUOTE": '`', "CARET": '^', "PIPE": '|', "SEMICOLON": ';', "TAB": '\t'}

// readJob reads a job as the org describes it.
func readJob(body []byte) (Job, error) {
	var in struct {
		ID        string      `json:"id"`
		State     State       `json:"state"`
		Object    string      `json:"object"`
		Records   int         `json:"numberRecordsProcessed"`
		Version   json.Number `json:"apiVersion"`
		Delimiter string      `json:"columnDelimiter"`
		Message   string      `json:"errorMessage"`
		Created   string      `json:"createdDate"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Job{}, notAJob()
	}
	number, _, _ := strings.Cut(in.Version.String(), ".")
	created, err := time.Parse("2006-01-02T15:04:05.999-0700", in.Created)
	job := Job{ID: in.ID, State: in.State, Object: in.Object, Records: in.Records, APIVersion: number + ".0",
		Created: created.UTC().Truncate(time.Second), delimiter: delimiters[in.Delimiter]}
	if m := failure.FindStringSubmatch(in.Message); m != nil {
		job.failure = m[1]
	}
	if err != nil || !jobID.MatchString(job.ID) || !version.MatchString(job.APIVersion) || job.delimiter == 0 || job.Records < 0 || job.State == "" {
		return Job{}, notAJob()
	}
	return job, nil
}

func notAJob() error {
	return fault.New(fault.ResponseInvalid, "bulk.Job", "the answer is not a query job; check that the instance URL is that of the org")
}

// ended is the fault of a job that has no results and will have none.
func (j Job) ended() error {
	switch {
	case j.State == Failed && j.failure != "":
		body, _ := json.Marshal([]map[string]string{{"errorCode": j.failure}})
		return salesforce.Refusal(0, body)
	case j.State == Failed:
		return fault.New(fault.Unavailable, "bulk.Wait", "Salesforce could not run the job; create it again, and if that fails too see Setup, Bulk Data Load Jobs, for the reason")
	case j.State == Aborted:
		return fault.New(fault.Conflict, "bulk.Wait", "someone in the org aborted the job; create it again")
	}
	return nil
}
