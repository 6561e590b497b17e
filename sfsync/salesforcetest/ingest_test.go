package salesforcetest_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

const bulkIngest = data + "/jobs/ingest"

// put uploads a job's data.
func (c *client) put(id, data string, headers ...string) int {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), "PUT", c.InstanceURL()+bulkIngest+"/"+id+"/batches", strings.NewReader(data))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "text/csv")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

type ingestState struct {
	ID, State, ContentURL, ErrorMessage         string
	NumberRecordsProcessed, NumberRecordsFailed int
}

// ingest runs a job over data and returns it with its successes and failures.
func (c *client) ingest(fields map[string]any, data string) (j ingestState, done, failed string) {
	c.t.Helper()
	status, _, body := c.do("POST", bulkIngest, fields)
	c.decode(status, body, &j)
	if want := "services/data/v67.0/jobs/ingest/" + j.ID + "/batches"; j.State != "Open" || j.ContentURL != want {
		c.t.Fatalf("got %s", body)
	}
	if status := c.put(j.ID, data); status != 201 {
		c.t.Fatalf("upload: %d", status)
	}
	status, _, body = c.do("PATCH", bulkIngest+"/"+j.ID, map[string]any{"state": "UploadComplete"})
	if c.decode(status, body, &j); j.State != "UploadComplete" {
		c.t.Fatalf("got %s", body)
	}
	c.get(bulkIngest+"/"+j.ID, &j)
	_, _, successes := c.do("GET", bulkIngest+"/"+j.ID+"/successfulResults/", nil)
	_, _, failures := c.do("GET", bulkIngest+"/"+j.ID+"/failedResults", nil)
	return j, string(successes), string(failures)
}

func TestIngest(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	j, done, failed := c.ingest(map[string]any{"object": "Contact", "operation": "insert", "contentType": "CSV"},
		"LastName,FirstName,External_Id__c\nByron,Ada,E1\n,Nobody,E2\n\"O\"\"Neill, Jr\",Sam,E3\n")
	if j.State != "JobComplete" || j.NumberRecordsProcessed != 3 || j.NumberRecordsFailed != 1 {
		t.Errorf("%+v", j)
	}
	if !strings.HasPrefix(done, "\"sf__Id\",\"sf__Created\",\"LastName\",\"FirstName\",\"External_Id__c\"\n\"003") || !strings.Contains(done, `"O""Neill, Jr"`) {
		t.Errorf("successes %q", done)
	}
	if want := `"","REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --","","Nobody","E2"`; !strings.Contains(failed, want) {
		t.Errorf("failures %q", failed)
	}
	id := c.query("SELECT Id FROM Contact WHERE External_Id__c = 'E1'").Records[0]["Id"].(string)
	c.ingest(map[string]any{"object": "Contact", "operation": "update", "columnDelimiter": "TAB"}, "Id\tFirstName\tExternal_Id__c\n"+id+"\t#N/A\t\n")
	if r := c.Record("Contact", id); r["FirstName"] != "" || r["External_Id__c"] != "E1" {
		t.Errorf("updated: %v; empty leaves, #N/A sets null", r)
	}
	_, done, _ = c.ingest(map[string]any{"object": "Contact", "operation": "upsert", "externalIdFieldName": "External_Id__c"}, "External_Id__c,LastName\nE1,Lovelace\nE9,New\n")
	if c.Record("Contact", id)["LastName"] != "Lovelace" || strings.Count(done, `"true"`) != 1 || strings.Count(done, `"false"`) != 1 {
		t.Errorf("upserted: %v %s", c.Record("Contact", id), done)
	}
	c.ingest(map[string]any{"object": "Contact", "operation": "delete"}, "Id\n"+id+"\n")
	if c.Record("Contact", id) != nil {
		t.Error("not deleted")
	}
	other := c.query("SELECT Id FROM Contact").Records[0]["Id"].(string)
	c.ingest(map[string]any{"object": "Contact", "operation": "hardDelete"}, "Id\n"+other+"\n")
	var p page
	if c.get(data+"/queryAll?q=SELECT+Id+FROM+Contact+WHERE+Id='"+other+"'", &p); p.TotalSize != 0 {
		t.Error("hardDelete left the record in the Recycle Bin")
	}
	if j, _, _ := c.ingest(map[string]any{"object": "Contact", "operation": "insert"}, "LastName,Nope\nA,B\n"); j.State != "Failed" || j.ErrorMessage != "InvalidBatch : Field name not found : Nope" {
		t.Errorf("an unknown column: %+v", j)
	}
}

func TestIngestStates(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	for name, fields := range map[string]map[string]any{
		"INVALIDENTITY":                    {"object": "Nothing", "operation": "insert"},
		"INVALIDJOB":                       {"object": "Contact", "operation": "merge"},
		"INVALIDJOB, no such external id":  {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Nope__c"},
		"INVALIDJOB, no such content type": {"object": "Contact", "operation": "insert", "contentType": "XML"},
	} {
		code, _, _ := strings.Cut(name, ",")
		if status, _, body := c.do("POST", bulkIngest, fields); status != 400 || !strings.Contains(string(body), code) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	var j ingestState
	status, _, body := c.do("POST", bulkIngest, map[string]any{"object": "Contact", "operation": "insert"})
	c.decode(status, body, &j)
	expect := func(want int, method, path string, body any) {
		t.Helper()
		if status, _, got := c.do(method, bulkIngest+"/"+j.ID+path, body); status != want {
			t.Errorf("%s %s: %d %s, want %d", method, path, status, got, want)
		}
	}
	expect(400, "DELETE", "", nil)
	expect(400, "GET", "/successfulResults", nil)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("LastName\nZipped\n"))
	_ = z.Close()
	if status := c.put(j.ID, zipped.String(), "Content-Encoding", "gzip"); status != 201 {
		t.Errorf("a body in gzip: %d", status)
	}
	if status := c.put(j.ID, "LastName\nTwice\n"); status != 400 {
		t.Errorf("a second upload: %d", status)
	}
	expect(200, "PATCH", "", map[string]any{"state": "UploadComplete"})
	expect(400, "PATCH", "", map[string]any{"state": "Aborted"})
	if n := c.query("SELECT Id FROM Contact WHERE LastName = 'Zipped'").TotalSize; n != 1 {
		t.Errorf("%d records came out of the gzip", n)
	}
	expect(200, "GET", "/unprocessedrecords", nil)
	expect(204, "DELETE", "", nil)
	expect(404, "GET", "", nil)
}
