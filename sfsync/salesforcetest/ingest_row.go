package salesforcetest

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
)

// ingestRow is one row of an ingest job and what became of it.
type ingestRow struct {
	values  []string
	id      string
	created bool
	failure string // CODE:message:fields --
}

// ingestChunk is how many rows of a job are written in one transaction.
const ingestChunk = 200

// runIngest does a job. Rows fail one by one; data that is no CSV, or names a
// field that the object lacks, fails the job.
func (o *Org) runIngest(j *ingest) {
	rows, failure := j.parse()
	state := "JobComplete"
	if failure != "" {
		state = "Failed"
	}
	for chunk := range slices.Chunk(rows, ingestChunk) {
		if err := o.ingestRows(j, chunk); err != nil {
			failure, state = "InternalServerError : "+err.Error(), "Failed"
			break
		}
	}
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	j.rows, j.failure, j.state = rows, failure, state
}

// parse reads the uploaded CSV, or says why it cannot.
func (j *ingest) parse() (rows []*ingestRow, failure string) {
	in := csv.NewReader(bytes.NewReader(j.data))
	in.Comma = []rune(delimiters[j.delimiter])[0]
	records, err := in.ReadAll()
	if err != nil || len(records) == 0 {
		return nil, "InvalidBatch : Failed to parse CSV"
	}
	j.columns = records[0]
	for _, name := range j.columns {
		if j.object.field(name) == nil {
			return nil, "InvalidBatch : Field name not found : " + name
		}
	}
	for _, values := range records[1:] {
		rows = append(rows, &ingestRow{values: values})
	}
	return rows, ""
}

func (o *Org) ingestRows(j *ingest, rows []*ingestRow) error {
	tx := o.begin(o.state.UserID, j.origin, false)
	defer tx.Rollback()
	for _, r := range rows {
		if err := r.write(tx, j); err != nil {
			r.failure = failureText(err)
		}
	}
	return tx.Commit()
}

// write does one row: an empty value is none at all, and #N/A is null.
func (r *ingestRow) write(tx *Tx, j *ingest) (err error) {
	fields, text := map[string]any{}, map[string]string{}
	for i, name := range j.columns {
		f := j.object.field(name)
		switch text[f.Name] = r.values[i]; {
		case f.Name == "Id":
			r.id = r.values[i]
		case r.values[i] == "#N/A":
			fields[f.Name] = nil
		case r.values[i] != "":
			fields[f.Name] = r.values[i]
		}
	}
	switch name := j.object.Name; j.operation {
	case "insert":
		r.created = true
		r.id, err = tx.Insert(name, fields)
	case "update":
		err = tx.Update(name, r.id, fields)
	case "upsert":
		f := j.object.field(j.external)
		key := text[f.Name]
		r.id, r.created, err = upsertIn(tx, j.object, f, key, fields, tx.org.lookup(j.object, f, key))
	case "delete":
		err = tx.Delete(name, r.id)
	case "hardDelete": // its permission, "Bulk API Hard Delete", is not asked for
		err = tx.HardDelete(name, r.id)
	}
	return err
}

// failureText is an error as results have it.
func failureText(err error) string {
	e, ok := err.(*refusal)
	if !ok {
		return "UNKNOWN_EXCEPTION:" + err.Error() + ":--"
	}
	return e.code + ":" + e.message + ":" + strings.Join(e.fields, ",") + " --"
}
