package salesforcetest

import (
	"bufio"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// ready refuses results of a job that has none, or under another version than
// the job was made with.
func (o *Org) ready(c *call, j *job) error {
	o.jobs.mu.Lock()
	defer o.jobs.mu.Unlock()
	switch {
	case j.version != c.version:
		return refuse(http.StatusConflict, "API_VERSION_MISMATCH", "The API version of the request must be that of the job")
	case j.state != "JobComplete":
		return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "The job has no results: its state is "+j.state)
	}
	return nil
}

// Locators are the offset of a page in base64, as in the examples of the guide.
func locator(offset int) string {
	return base64.RawStdEncoding.EncodeToString([]byte(strconv.Itoa(offset)))
}

func (j *job) offset(locator string) (int, error) {
	if locator == "" {
		return 0, nil
	}
	text, err := base64.RawStdEncoding.DecodeString(locator)
	n, err2 := strconv.Atoi(string(text))
	if err != nil || err2 != nil || n < 0 || n > len(j.rows) {
		return 0, refuse(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "Invalid locator")
	}
	return n, nil
}

func (o *Org) pageSize(c *call) int {
	size := o.cfg.BulkPage
	if size == 0 {
		size = 50_000
	}
	if n, err := strconv.Atoi(c.URL.Query().Get("maxRecords")); err == nil && n > 0 {
		size = n
	}
	return size
}

// serveResults answers one page of results as CSV. The last page's locator is
// the text null.
func (o *Org) serveResults(c *call, j *job) (*answer, error) {
	if err := o.ready(c, j); err != nil {
		return nil, err
	}
	from, err := j.offset(c.URL.Query().Get("locator"))
	if err != nil {
		return nil, err
	}
	to := min(from+o.pageSize(c), len(j.rows))
	next := "null"
	if to < len(j.rows) {
		next = locator(to)
	}
	rows, v := j.rows[from:to], j.view
	if o.cfg.BulkUnisolated {
		rows, v = o.reread(j, rows)
	}
	header := map[string]string{"Content-Type": "text/csv", "Sforce-Locator": next, "Sforce-NumberOfRecords": strconv.Itoa(len(rows))}
	if len(j.rows) == 0 && o.cfg.BulkEmptyBody {
		return &answer{status: http.StatusOK, header: header}, nil
	}
	return &answer{status: http.StatusOK, header: header, stream: func(w io.Writer) error { return j.writeCSV(w, v, rows) }}, nil
}

// reread is the rows of a page as they are now, without those that the query
// no longer selects.
func (o *Org) reread(j *job, page []*row) ([]*row, *view) {
	v := o.look(j.query, j.operation == "queryAll")
	var rows []*row
	for _, old := range page {
		r := v.pick(j.query.object, old.serial)
		if r != nil && (r.deleted == 0 || v.deleted) && (j.query.where == nil || j.query.where.holds(v, r)) {
			rows = append(rows, r)
		}
	}
	return rows, v
}

// pagesAtOnce is how many result pages are told of in one answer.
const pagesAtOnce = 5

// serveResultPages lists result pages, to be read in parallel.
func (o *Org) serveResultPages(c *call, j *job) (*answer, error) {
	if err := o.ready(c, j); err != nil {
		return nil, err
	}
	from, err := j.offset(c.URL.Query().Get("locator"))
	if err != nil {
		return nil, err
	}
	size := o.pageSize(c)
	base := "/services/data/" + c.version + "/jobs/query/" + j.id
	pages := []map[string]string{}
	for ; len(pages) < pagesAtOnce && (from < len(j.rows) || len(j.rows) == 0 && len(pages) == 0); from += size {
		pages = append(pages, map[string]string{"resultUrl": base + "/results?locator=" + locator(from) + "&maxRecords=" + strconv.Itoa(size)})
	}
	body := map[string]any{"resultPages": pages, "done": from >= len(j.rows), "nextRecordsUrl": nil}
	if from < len(j.rows) {
		body["nextRecordsUrl"] = base + "/resultPages?locator=" + locator(from) + "&maxRecords=" + strconv.Itoa(size)
	}
	return okValue(body)
}

// writeCSV writes a header and rows: every value in quotes, null as an empty
// one, datetimes with Z.
func (j *job) writeCSV(w io.Writer, v *view, rows []*row) error {
	out := bufio.NewWriterSize(w, 1<<16)
	separator, ending := delimiters[j.delimiter], "\n"
	if j.ending == "CRLF" {
		ending = "\r\n"
	}
	line := make([]byte, 0, 1024)
	for i, c := range j.query.columns {
		if i > 0 {
			line = append(line, separator...)
		}
		line = appendCSV(line, c.text)
	}
	if _, err := out.Write(append(line, ending...)); err != nil {
		return err
	}
	values := make([]string, j.query.object.slots)
	for _, r := range rows {
		r.values(values)
		line = line[:0]
		for i, c := range j.query.columns {
			if i > 0 {
				line = append(line, separator...)
			}
			line = appendCSV(line, cell(v, r, c, values))
		}
		if _, err := out.Write(append(line, ending...)); err != nil {
			return err
		}
	}
	return out.Flush()
}

// cell is the value of a column; values is the row, spread out.
func cell(v *view, r *row, c *column, values []string) string {
	switch f := c.field; {
	case len(c.steps) > 0:
		return v.value(r, c)
	case f.Name == "Id" || f.Name == "IsDeleted" || f.Name == "SystemModstamp" || f.Type == "boolean" && values[f.slot] == "":
		return r.value(c.of, f)
	default:
		return values[f.slot]
	}
}

func appendCSV(b []byte, s string) []byte {
	b = append(b, '"')
	if strings.IndexByte(s, '"') >= 0 {
		s = strings.ReplaceAll(s, `"`, `""`)
	}
	return append(append(b, s...), '"')
}
