package thirdparty_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k-capehart/go-salesforce/v3"
)

type contact struct {
	ID         string `json:"Id" csv:"Id"`
	LastName   string
	FirstName  string
	ExternalID string `json:"External_Id__c" csv:"External_Id__c"`
}

// flows are the credentials of each way to sign in.
func flows(t *testing.T) map[string]salesforce.Creds {
	t.Helper()
	key, err := os.ReadFile(org.JWTKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	half := len(org.Password()) / 2
	return map[string]salesforce.Creds{
		"client credentials": {Domain: org.InstanceURL(), ConsumerKey: org.ConsumerKey(), ConsumerSecret: org.ClientSecret()},
		"jwt":                {Domain: org.InstanceURL(), Username: org.Username(), ConsumerKey: org.ConsumerKey(), ConsumerRSAPem: string(key)},
		"access token":       {Domain: org.InstanceURL(), AccessToken: org.AccessToken()},
		"password": {Domain: org.LoginURL(), Username: org.Username(), Password: org.Password()[:half], SecurityToken: org.Password()[half:],
			ConsumerKey: org.ConsumerKey(), ConsumerSecret: org.ClientSecret()},
	}
}

// connect signs in with client credentials.
func connect(t *testing.T, options ...salesforce.Option) *salesforce.Salesforce {
	t.Helper()
	sf, err := salesforce.Init(flows(t)["client credentials"], options...)
	if err != nil {
		t.Fatal(err)
	}
	return sf
}

func TestGoSalesforceSignsIn(t *testing.T) {
	for name, creds := range flows(t) {
		sf, err := salesforce.Init(creds)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var found []contact
		if err := sf.Query("SELECT Id FROM Contact LIMIT 1", &found); err != nil || len(found) != 1 {
			t.Errorf("%s: %v %v", name, found, err)
		}
	}
	if _, err := salesforce.Init(salesforce.Creds{Domain: org.InstanceURL(), AccessToken: "00D!expired"}); err == nil {
		t.Error("signed in with a dead token")
	}
}

func TestGoSalesforceSignsInAgain(t *testing.T) {
	sf := connect(t)
	org.ExpireTokens()
	var found []contact
	if err := sf.Query("SELECT Id FROM Contact LIMIT 1", &found); err != nil || len(found) != 1 {
		t.Errorf("after its token died: %v %v", found, err)
	}
}

func TestGoSalesforceQueriesAndPages(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		sf := connect(t, salesforce.WithCompressionHeaders(compressed))
		var found []contact
		if err := sf.Query("SELECT Id, LastName, External_Id__c FROM Contact", &found); err != nil || len(found) < people || found[people-1].LastName == "" {
			t.Errorf("compressed %v: %d records, %v", compressed, len(found), err)
		}
		if compressed { // it cannot read a compressed error
			continue
		}
		if err := sf.Query("SELECT Nope FROM Contact", &found); err == nil || !strings.Contains(err.Error(), "INVALID_FIELD") {
			t.Errorf("an unknown field: %v", err)
		}
	}
}

func TestGoSalesforceDescribes(t *testing.T) {
	resp, err := connect(t).DoRequest(http.MethodGet, "/sobjects/Contact/describe", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), `"keyPrefix":"003"`) {
		t.Errorf("%v %.80s", err, body)
	}
}

func TestGoSalesforceWrites(t *testing.T) {
	sf := connect(t, salesforce.WithCompressionHeaders(true))
	made, err := sf.InsertOne("Contact", map[string]any{"LastName": "Byron", "External_Id__c": "GO-1"})
	if err != nil || org.Record("Contact", made.Id)["LastName"] != "Byron" {
		t.Fatalf("%+v %v", made, err)
	}
	if err := sf.UpdateOne("Contact", map[string]any{"Id": made.Id, "FirstName": "Ada"}); err != nil || org.Record("Contact", made.Id)["Name"] != "Ada Byron" {
		t.Error("update:", err)
	}
	if again, err := sf.UpsertOne("Contact", "External_Id__c", map[string]any{"External_Id__c": "GO-1", "LastName": "Lovelace"}); err != nil || again.Id != made.Id {
		t.Errorf("upsert: %+v %v", again, err)
	}
	if err := sf.DeleteOne("Contact", map[string]any{"Id": made.Id}); err != nil || org.Record("Contact", made.Id) != nil {
		t.Error("delete:", err)
	}
}

func TestGoSalesforceCollections(t *testing.T) {
	sf := connect(t)
	names := []map[string]any{{"LastName": "A"}, {"FirstName": "Nobody"}, {"LastName": "C"}}
	for _, how := range []struct {
		name   string
		insert func() (salesforce.SalesforceResults, error)
		delete func(records any) (salesforce.SalesforceResults, error)
	}{
		{"collection", func() (salesforce.SalesforceResults, error) { return sf.InsertCollection("Contact", names, 200) },
			func(records any) (salesforce.SalesforceResults, error) {
				return sf.DeleteCollection("Contact", records, 200)
			}},
		{"composite", func() (salesforce.SalesforceResults, error) { return sf.InsertComposite("Contact", names, 2, false) },
			func(records any) (salesforce.SalesforceResults, error) {
				return sf.DeleteComposite("Contact", records, 2, true)
			}},
	} {
		r, err := how.insert()
		if err != nil || len(r.Results) != 3 || r.Results[1].Success || !r.Results[2].Success || !r.HasSalesforceErrors {
			t.Fatalf("%s: %+v %v", how.name, r, err)
		}
		if e := r.Results[1].Errors; len(e) != 1 || e[0].StatusCode != "REQUIRED_FIELD_MISSING" {
			t.Errorf("%s: %+v", how.name, e)
		}
		gone := []map[string]any{{"Id": r.Results[0].Id}, {"Id": r.Results[2].Id}}
		if d, err := how.delete(gone); err != nil || d.HasSalesforceErrors || org.Record("Contact", r.Results[2].Id) != nil {
			t.Errorf("%s: %+v %v", how.name, d, err)
		}
	}
}

func TestGoSalesforceBulk(t *testing.T) {
	sf := connect(t)
	file := filepath.Join(t.TempDir(), "contacts.csv")
	if err := sf.QueryBulkExport("SELECT Id, LastName FROM Contact", file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if rows, err := csv.NewReader(f).ReadAll(); err != nil || len(rows) < people+1 || rows[0][0] != "Id" {
		t.Errorf("%d lines, %v", len(rows), err)
	}
	it, err := sf.QueryBulkIterator("SELECT Id, LastName FROM Contact")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for it.Next() {
		var page []contact
		if err := it.Decode(&page); err != nil {
			t.Fatal(err)
		}
		read += len(page)
	}
	if it.Error() != nil || read < people {
		t.Errorf("read %d, %v", read, it.Error())
	}
}

func TestGoSalesforceIngests(t *testing.T) {
	sf := connect(t)
	var rows []map[string]any
	for i := range 30 {
		rows = append(rows, map[string]any{"LastName": fmt.Sprint("Bulk ", i), "External_Id__c": fmt.Sprint("BULK-", i)})
	}
	rows = append(rows, map[string]any{"LastName": "", "External_Id__c": "BULK-X"})
	jobs, err := sf.InsertBulk("Contact", rows, 20, true)
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%v %v", jobs, err)
	}
	r, err := sf.GetJobResults(jobs[1])
	if err != nil || r.State != "JobComplete" || len(r.SuccessfulRecords) != 10 || r.NumberRecordsFailed != 1 || len(r.FailedRecords) != 1 ||
		!strings.HasPrefix(r.FailedRecords[0]["sf__Error"].(string), "REQUIRED_FIELD_MISSING") {
		t.Errorf("%+v %v", r, err)
	}
	var found []contact
	if err := sf.Query("SELECT Id FROM Contact WHERE LastName LIKE 'Bulk %'", &found); err != nil || len(found) != 30 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	var gone []map[string]any
	for _, c := range found {
		gone = append(gone, map[string]any{"Id": c.ID})
	}
	if _, err := sf.DeleteBulk("Contact", gone, 200, true); err != nil || org.Record("Contact", found[0].ID) != nil {
		t.Error("delete:", err)
	}
}
