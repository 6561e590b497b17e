package salesforcetest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ingest is one Bulk 2.0 ingest job (Bulk API 2.0 Developer Guide, "Ingest").
// Its fields are guarded by jobs.mu.
type ingest struct {
	id, operation, external, version, delimiter, ending, state, origin string

	object  *object
	created time.Time
	data    []byte
	columns []string
	rows    []*ingestRow
	failure string
}

// maxUpload is the size of a job's data: 150 MB in base64.
const maxUpload = 100 << 20

// serveIngest answers jobs/ingest.
func (o *Org) serveIngest(c *call) (*answer, error) {
	switch {
	case c.at(2) == "" && c.Method == http.MethodPost:
		return o.createIngest(c)
	case c.at(2) == "" && c.Method == http.MethodGet:
		return o.listIngests()
	case c.at(2) == "":
		return nil, notAllowed(c)
	}
	o.jobs.mu.Lock()
	long, _ := longID(c.at(2))
	i := slices.IndexFunc(o.jobs.ingests, func(j *ingest) bool { return j.id == long })
	var j *ingest
	if i >= 0 {
		j = o.jobs.ingests[i]
	}
	o.jobs.mu.Unlock()
	if j == nil {
		return nil, noSuchResource()
	}
	switch at := c.Method + " " + lower(c.at(3)); at {
	case "GET ":
		return okValue(o.ingestBody(j, true))
	case "PATCH ":
		return o.patchIngest(c, j)
	case "DELETE ":
		return o.deleteIngest(j)
	case "PUT batches":
		return o.upload(c, j)
	case "GET successfulresults", "GET failedresults", "GET unprocessedrecords":
		return o.ingestResults(j, at[len("GET "):])
	}
	return nil, noSuchResource()
}

func (o *Org) createIngest(c *call) (*answer, error) {
	var in struct {
		Object, Operation, ExternalIDFieldName, ContentType, ColumnDelimiter, LineEnding string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	j := &ingest{operation: in.Operation, external: in.ExternalIDFieldName, version: c.version, delimiter: in.ColumnDelimiter,
		ending: in.LineEnding, state: "Open", origin: c.origin("bulkapi"), object: o.visible(in.Object), created: o.now()}
	if j.delimiter == "" {
		j.delimiter = "COMMA"
	}
	if j.ending == "" {
		j.ending = "LF"
	}
	known := []string{"insert", "update", "upsert", "delete", "hardDelete"}
	switch {
	case j.object == nil || j.object.virtual:
		return nil, refuse(http.StatusBadRequest, "INVALIDENTITY", "InvalidEntity : Entity '"+in.Object+"' is not supported by the Bulk API.")
	case !slices.Contains(known, j.operation) || delimiters[j.delimiter] == "" || in.ContentType != "" && in.ContentType != "CSV":
		return nil, refuse(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : Unable to find a supported operation, contentType, columnDelimiter or lineEnding")
	case j.operation == "upsert" && j.object.field(j.external) == nil:
		return nil, refuse(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : Field name not found : "+j.external)
	}
	o.jobs.mu.Lock()
	o.jobs.n++
	j.id = recordID("750", o.jobs.n)
	o.jobs.ingests = append(o.jobs.ingests, j)
	o.jobs.mu.Unlock()
	return okValue(o.ingestBody(j, false))
}

func (o *Org) listIngests() (*answer, error) {
	o.jobs.mu.Lock()
	list := slices.Clone(o.jobs.ingests)
	o.jobs.mu.Unlock()
	records := []any{}
	for _, j := range list {
		records = append(records, o.ingestBody(j, true))
	}
	return okValue(map[string]any{"done": true, "records": records, "nextRecordsUrl": nil})
}

// upload takes the job's data, once.
func (o *Org) upload(c *call, j *ingest) (*answer, error) {
	data, err := io.ReadAll(io.LimitReader(c.Body, maxUpload+1))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "INVALIDBATCH", "InvalidBatch : the data could not be read")
	}
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	switch {
	case j.state != "Open" || j.data != nil:
		return nil, refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Job data can be uploaded once, to an open job")
	case len(data) > maxUpload:
		return nil, refuse(http.StatusRequestEntityTooLarge, "CLIENT_INPUT_ERROR", "InvalidBatch : Maximum allowed data size exceeded")
	}
	j.data = data
	return &answer{status: http.StatusCreated}, nil
}

// patchIngest closes the upload, which has the job done, or aborts it.
func (o *Org) patchIngest(c *call, j *ingest) (*answer, error) {
	var in struct{ State string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	o.jobs.mu.Lock()
	open := j.state == "Open"
	if open && (in.State == "UploadComplete" || in.State == "Aborted") {
		j.state = in.State
	} else {
		open = false
	}
	o.jobs.mu.Unlock()
	if !open {
		return nil, refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Only an open job can be closed or aborted")
	}
	body := o.ingestBody(j, false)
	if in.State == "UploadComplete" {
		o.runIngest(j)
	}
	return okValue(body)
}

func (o *Org) deleteIngest(j *ingest) (*answer, error) {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	if j.state == "Open" {
		return nil, refuse(http.StatusBadRequest, "API_ERROR", "Error encountered when deleting the job because the job is not terminated")
	}
	o.jobs.ingests = slices.DeleteFunc(o.jobs.ingests, func(other *ingest) bool { return other == j })
	return &answer{status: http.StatusNoContent}, nil
}

// ingestBody is a job as JSON.
func (o *Org) ingestBody(j *ingest, long bool) map[string]any {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	m := o.jobHead(j.id, j.operation, j.object.Name, j.state, j.version, j.ending, j.delimiter, j.created)
	if j.external != "" {
		m["externalIdFieldName"] = j.external
	}
	if j.state == "Open" {
		m["contentUrl"] = "services/data/" + j.version + "/jobs/ingest/" + j.id + "/batches"
	}
	if !long {
		return m
	}
	done, failed := 0, 0
	for _, r := range j.rows {
		if done++; r.failure != "" {
			failed++
		}
	}
	m["jobType"], m["retries"], m["totalProcessingTime"], m["apiActiveProcessingTime"], m["apexProcessingTime"] = "V2Ingest", 0, 1, 1, 0
	m["numberRecordsProcessed"], m["numberRecordsFailed"] = done, failed
	if j.failure != "" {
		m["errorMessage"] = j.failure
	}
	return m
}

// ingestResults answers what became of the rows, as CSV.
func (o *Org) ingestResults(j *ingest, kind string) (*answer, error) {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	if j.state != "JobComplete" && j.state != "Failed" && j.state != "Aborted" {
		return nil, refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "The job has no results: its state is "+j.state)
	}
	head := map[string][]string{"successfulresults": {"sf__Id", "sf__Created"}, "failedresults": {"sf__Id", "sf__Error"}}[kind]
	var b bytes.Buffer
	writeLine := func(values []string) {
		line := make([]byte, 0, 256)
		for i, v := range values {
			if i > 0 {
				line = append(line, delimiters[j.delimiter]...)
			}
			line = appendCSV(line, v)
		}
		b.Write(line)
		b.WriteString(strings.Repeat("\r", strings.Count(j.ending, "CR")) + "\n")
	}
	writeLine(append(slices.Clip(head), j.columns...))
	for _, r := range j.rows {
		switch {
		case kind == "successfulresults" && r.failure == "":
			writeLine(append([]string{r.id, flag(r.created)}, r.values...))
		case kind == "failedresults" && r.failure != "":
			writeLine(append([]string{r.id, r.failure}, r.values...))
		}
	}
	return &answer{status: http.StatusOK, header: map[string]string{"Content-Type": "text/csv"}, body: b.Bytes()}, nil
}
