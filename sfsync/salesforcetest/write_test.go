package salesforcetest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

const data = "/services/data/v67.0"

func TestRecords(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	var made struct {
		ID      string
		Success bool
	}
	status, _, body := c.do("POST", data+"/sobjects/Contact/", map[string]any{"LastName": "Weber", "FirstName": " Ada ", "Email": "ada@example.com", "HasOptedOutOfEmail": true})
	if status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	c.decode(200, body, &made)
	if len(made.ID) != 18 || !strings.HasPrefix(made.ID, "003") || !made.Success {
		t.Fatalf("got %s", body)
	}
	path := data + "/sobjects/Contact/" + made.ID
	if status, _, body := c.do("PATCH", path, map[string]any{"FirstName": nil, "Birthdate": "1990-05-06", "MailingCity": "Köln"}); status != 204 || len(body) != 0 {
		t.Fatalf("%d %s", status, body)
	}
	var r map[string]any
	c.get(path+"?fields=Id,Name,FirstName,Birthdate,MailingCity,HasOptedOutOfEmail,DoNotCall,SystemModstamp,OwnerId", &r)
	if r["Name"] != "Weber" || r["FirstName"] != nil || r["Birthdate"] != "1990-05-06" || r["MailingCity"] != "Köln" || r["HasOptedOutOfEmail"] != true ||
		r["DoNotCall"] != false || r["OwnerId"] != c.UserID() || !strings.HasSuffix(r["SystemModstamp"].(string), ".000+0000") {
		t.Errorf("got %v", r)
	}
	if status, _, body := c.do("DELETE", path, nil); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _, body := c.do("GET", path, nil); status != 404 || !strings.Contains(string(body), "ENTITY_IS_DELETED") {
		t.Errorf("a deleted record: %d %s", status, body)
	}
	if c.Record("Contact", made.ID) != nil || c.Count("Contact") != 0 {
		t.Error("a deleted record is still there")
	}
	c.Undelete("Contact", made.ID)
	if got := c.Record("Contact", made.ID); got["LastName"] != "Weber" || c.Count("Contact") != 1 {
		t.Errorf("after undelete: %v", got)
	}
	c.Delete("Contact", made.ID)
	c.Purge("Contact", made.ID)
	if status, _, body := c.do("GET", path, nil); status != 404 || !strings.Contains(string(body), `"NOT_FOUND"`) {
		t.Errorf("a purged record: %d %s", status, body)
	}
}

func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	id := c.Insert("Contact", map[string]any{"LastName": "Weber"})
	tests := []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"missing field", "POST", "/sobjects/Contact", map[string]any{"FirstName": "x"}, 400, "REQUIRED_FIELD_MISSING"},
		{"required set to null", "PATCH", "/sobjects/Contact/" + id, map[string]any{"LastName": nil}, 400, "REQUIRED_FIELD_MISSING"},
		{"unknown field", "POST", "/sobjects/Contact", map[string]any{"LastName": "x", "Nope": 1}, 400, "INVALID_FIELD"},
		{"read-only field", "POST", "/sobjects/Contact", map[string]any{"LastName": "x", "CreatedDate": "2020-01-01T00:00:00Z"}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"},
		{"compound field", "POST", "/sobjects/Contact", map[string]any{"LastName": "x", "MailingAddress": "y"}, 400, "INVALID_FIELD"},
		{"too long", "PATCH", "/sobjects/Contact/" + id, map[string]any{"FirstName": strings.Repeat("é", 41)}, 400, "STRING_TOO_LONG"},
		{"no date", "PATCH", "/sobjects/Contact/" + id, map[string]any{"Birthdate": "yesterday"}, 400, "JSON_PARSER_ERROR"},
		{"bad reference", "PATCH", "/sobjects/Contact/" + id, map[string]any{"AccountId": "nope"}, 400, "MALFORMED_ID"},
		{"unknown object", "POST", "/sobjects/Nope", map[string]any{}, 404, "NOT_FOUND"},
		{"unknown record", "PATCH", "/sobjects/Contact/0035e0000000099AAA", map[string]any{}, 404, "NOT_FOUND"},
		{"record of another object", "GET", "/sobjects/Account/" + id, nil, 404, "NOT_FOUND"},
		{"unknown resource", "GET", "/nope", nil, 404, "NOT_FOUND"},
		{"method", "PUT", "/sobjects/Contact/" + id, map[string]any{}, 405, "METHOD_NOT_ALLOWED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := c.do(tt.method, data+tt.path, tt.body)
			if status != tt.status || !strings.Contains(string(body), `"errorCode":"`+tt.code+`"`) {
				t.Errorf("got %d %s", status, body)
			}
		})
	}
	if status, _, _ := c.do("GET", "/services/data/v12.0/limits", nil); status != 404 {
		t.Errorf("an unknown version: %d", status)
	}
}

func TestUpsert(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	path := data + "/sobjects/Contact/External_Id__c/P-1"
	if status, _, body := c.do("PATCH", path, map[string]any{"LastName": "Weber"}); status != 201 || !strings.Contains(string(body), `"created":true`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, _, body := c.do("PATCH", path, map[string]any{"LastName": "Moreau"}); status != 200 || !strings.Contains(string(body), `"created":false`) {
		t.Fatalf("%d %s", status, body)
	}
	var r map[string]any
	c.get(path, &r)
	if r["LastName"] != "Moreau" || r["External_Id__c"] != "P-1" || c.Count("Contact") != 1 {
		t.Errorf("got %v", r)
	}
}

func TestCollections(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	record := func(object string, fields map[string]any) map[string]any {
		fields["attributes"] = map[string]any{"type": object}
		return fields
	}
	type line struct {
		ID      string
		Success bool
		Errors  []struct {
			StatusCode string
			Fields     []string
		}
	}
	send := func(method string, body any) []line {
		t.Helper()
		var lines []line
		status, _, raw := c.do(method, data+"/composite/sobjects", body)
		c.decode(status, raw, &lines)
		return lines
	}
	records := []any{record("Account", map[string]any{"Name": "A"}), record("Contact", map[string]any{}), record("Contact", map[string]any{"LastName": "C"})}
	lines := send("POST", map[string]any{"allOrNone": true, "records": records})
	if c.Count("Account") != 0 || lines[0].Errors[0].StatusCode != "ALL_OR_NONE_OPERATION_ROLLED_BACK" || lines[1].Errors[0].StatusCode != "REQUIRED_FIELD_MISSING" {
		t.Errorf("all or none: %+v", lines)
	}
	lines = send("POST", map[string]any{"records": records})
	if !lines[0].Success || lines[1].Success || !lines[2].Success || c.Count("Account") != 1 || c.Count("Contact") != 1 {
		t.Fatalf("some: %+v", lines)
	}
	account, contact := lines[0].ID, lines[2].ID
	lines = send("PATCH", map[string]any{"records": []any{record("Contact", map[string]any{"id": contact, "FirstName": "Ada"})}})
	if !lines[0].Success || c.Record("Contact", contact)["Name"] != "Ada C" {
		t.Errorf("update: %+v", lines)
	}
	body := map[string]any{"ids": []string{contact, "0035e0000000099AAA", contact[:15]}, "fields": []string{"Id", "Name", "SystemModstamp"}}
	var read []map[string]any
	status, _, raw := c.do("POST", data+"/composite/sobjects/Contact", body)
	c.decode(status, raw, &read)
	if len(read) != 3 || read[0]["Name"] != "Ada C" || read[1] != nil || read[2]["Id"] != contact {
		t.Errorf("retrieved %s", raw)
	}
	c.get(data+"/composite/sobjects/Contact?fields=Name&ids="+contact, &read)
	if len(read) != 1 || read[0]["Name"] != "Ada C" {
		t.Errorf("retrieved %v", read)
	}
	body["ids"] = []string{contact, "nonsense"}
	if status, _, raw := c.do("POST", data+"/composite/sobjects/Contact", body); status != 400 || !strings.Contains(string(raw), "MALFORMED_ID") {
		t.Errorf("a malformed id: %d %s", status, raw)
	}
	status, _, raw = c.do("DELETE", data+"/composite/sobjects?ids="+account+","+contact, nil)
	c.decode(status, raw, &lines)
	if !lines[0].Success || !lines[1].Success || c.Count("Account")+c.Count("Contact") != 0 {
		t.Errorf("delete: %s", raw)
	}
}

func TestComposite(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	type part map[string]any
	send := func(allOrNone bool, parts ...part) (got []struct {
		Body           any
		HTTPStatusCode int
		ReferenceID    string
	}) {
		t.Helper()
		var out struct{ CompositeResponse any }
		out.CompositeResponse = &got
		status, _, raw := c.do("POST", data+"/composite", map[string]any{"allOrNone": allOrNone, "compositeRequest": parts})
		c.decode(status, raw, &out)
		return got
	}
	insert := part{"method": "POST", "url": data + "/sobjects/Account", "referenceId": "acme", "body": part{"Name": "Acme"}}
	child := part{"method": "POST", "url": data + "/sobjects/Contact", "referenceId": "ada", "body": part{"LastName": "Weber", "AccountId": "@{acme.id}"}}
	bad := part{"method": "GET", "url": data + "/sobjects/Foo", "referenceId": "bad"}
	query := part{"method": "GET", "url": data + "/query?q=SELECT Id, Account.Name FROM Contact WHERE Id = '@{ada.id}'", "referenceId": "read"}

	got := send(true, insert, bad)
	if c.Count("Account") != 0 || got[0].HTTPStatusCode != 400 || !strings.Contains(fmt.Sprint(got[0].Body), "PROCESSING_HALTED") || got[1].HTTPStatusCode != 404 {
		t.Errorf("all or none: %+v", got)
	}
	got = send(false, insert, child, query, bad)
	if got[0].HTTPStatusCode != 201 || got[1].HTTPStatusCode != 201 || got[2].HTTPStatusCode != 200 || got[3].HTTPStatusCode != 404 || got[3].ReferenceID != "bad" {
		t.Fatalf("got %+v", got)
	}
	if !strings.Contains(fmt.Sprint(got[2].Body), "Name:Acme") {
		t.Errorf("the reference was not followed: %v", got[2].Body)
	}
}

// A transaction that commits late is the case that polling by SystemModstamp
// loses: its records appear behind stamps that were read already.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	clock := newClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	c := newClient(t, salesforcetest.Config{Now: clock.now})
	covered := func() string {
		var updated struct{ LatestDateCovered string }
		c.get(data+"/sobjects/Account/updated/?start="+url.QueryEscape(clock.now().Add(-time.Hour).Format(time.RFC3339))+"&end="+url.QueryEscape(clock.now().Format(time.RFC3339)), &updated)
		return updated.LatestDateCovered
	}
	tx := c.Begin()
	id, err := tx.Insert("Account", map[string]any{"Name": "Late"})
	if err != nil {
		t.Fatal(err)
	}
	other := c.Insert("Account", map[string]any{"Name": "Other"})
	if err := tx.Update("Account", other, map[string]any{"Name": "Mine"}); err != nil {
		t.Fatal(err)
	}
	if status, _, body := c.do("PATCH", data+"/sobjects/Account/"+other, map[string]any{"Name": "Yours"}); status != 400 || !strings.Contains(string(body), "UNABLE_TO_LOCK_ROW") {
		t.Errorf("a locked record: %d %s", status, body)
	}
	clock.advance(10 * time.Minute)
	if p := c.query("SELECT Name FROM Account"); len(p.Records) != 1 || p.Records[0]["Name"] != "Other" {
		t.Errorf("an open transaction shows: %v", p.Records)
	}
	if got := covered(); got != "2026-03-01T12:00:00.000+0000" {
		t.Errorf("latestDateCovered is %s", got)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := c.Record("Account", id); got["SystemModstamp"] != "2026-03-01T12:00:00.000Z" || got["Name"] != "Late" {
		t.Errorf("got %v", got)
	}
	if got := covered(); got != "2026-03-01T12:10:00.000+0000" {
		t.Errorf("latestDateCovered is %s", got)
	}
	c.SetCommitLag(3 * time.Minute)
	late := c.Insert("Account", map[string]any{"Name": "Lagging"})
	if got := c.Record("Account", late)["SystemModstamp"]; got != "2026-03-01T12:07:00.000Z" {
		t.Errorf("SystemModstamp is %s", got)
	}
	if got := covered(); got != "2026-03-01T12:07:00.000+0000" {
		t.Errorf("latestDateCovered is %s", got)
	}
}

func TestReplication(t *testing.T) {
	t.Parallel()
	clock := newClock(time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC))
	c := newClient(t, salesforcetest.Config{Now: clock.now})
	stays, goes, purged := c.Insert("Account", map[string]any{"Name": "A"}), c.Insert("Account", map[string]any{"Name": "B"}), c.Insert("Account", map[string]any{"Name": "C"})
	clock.advance(10 * time.Minute)
	c.Delete("Account", goes)
	c.Delete("Account", purged)
	c.Purge("Account", purged)
	clock.advance(10 * time.Minute)
	get := func(what string, from, to time.Duration, into any) (int, string) {
		status, _, body := c.do("GET", data+"/sobjects/Account/"+what+"/?start="+url.QueryEscape(clock.now().Add(from).Format(time.RFC3339))+"&end="+url.QueryEscape(clock.now().Add(to).Format(time.RFC3339)), nil)
		if into != nil {
			c.decode(status, body, into)
		}
		return status, string(body)
	}
	var updated struct{ IDs []string }
	get("updated", -time.Hour, 0, &updated)
	if fmt.Sprint(updated.IDs) != fmt.Sprint([]string{stays}) {
		t.Errorf("updated: %v", updated.IDs)
	}
	var deleted struct {
		DeletedRecords []struct{ ID, DeletedDate string }
	}
	get("deleted", -time.Hour, 0, &deleted)
	if len(deleted.DeletedRecords) != 2 || deleted.DeletedRecords[0].ID != goes || deleted.DeletedRecords[0].DeletedDate != "2026-03-01T12:10:30.000+0000" {
		t.Errorf("deleted: %v", deleted)
	}
	get("deleted", -5*time.Minute, 0, &deleted)
	if len(deleted.DeletedRecords) != 0 {
		t.Errorf("deleted lately: %v", deleted)
	}
	for name, window := range map[string][2]time.Duration{"too short": {-30 * time.Second, 0}, "too old": {-16 * 24 * time.Hour, 0}} {
		if status, body := get("deleted", window[0], window[1], nil); status != 400 || !strings.Contains(body, "INVALID_REPLICATION_DATE") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestReplicationLimits(t *testing.T) {
	t.Parallel()
	clock := newClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	c := newClient(t, salesforcetest.Config{Now: clock.now})
	get := func(what string, back time.Duration) (status int, code string, into struct{ EarliestDateAvailable, LatestDateCovered string }) {
		status, _, body := c.do("GET", data+"/sobjects/Account/"+what+"/?start="+url.QueryEscape(clock.now().Add(-back).Format(time.RFC3339))+"&end="+url.QueryEscape(clock.now().Format(time.RFC3339)), nil)
		if status == 200 {
			c.decode(status, body, &into)
			return status, "", into
		}
		code, _ = refused(t, body)
		return status, code, into
	}
	for range 2 {
		c.Delete("Account", c.Insert("Account", map[string]any{"Name": "A"}))
		c.Insert("Account", map[string]any{"Name": "B"})
	}
	clock.advance(2 * time.Minute)
	c.SetIDLimit(1)
	for _, what := range []string{"updated", "deleted"} {
		if status, code, _ := get(what, time.Hour); status != 400 || code != "EXCEEDED_ID_LIMIT" {
			t.Errorf("%s: %d %s", what, status, code)
		}
	}
	c.SetIDLimit(0)
	c.PurgeDeleteLog()
	clock.advance(5 * time.Minute)
	if status, code, _ := get("deleted", 6*time.Minute); status != 400 || code != "INVALID_REPLICATION_DATE" {
		t.Errorf("before the purge: %d %s", status, code)
	}
	status, _, answer := get("deleted", 5*time.Minute)
	if status != 200 || answer.EarliestDateAvailable != "2026-03-01T12:02:00.000+0000" {
		t.Errorf("since the purge: %d %+v", status, answer)
	}
	if status, _, _ := get("updated", time.Hour); status != 200 {
		t.Errorf("getUpdated needs no delete log: %d", status)
	}
}
