package salesforcetest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestSOQL(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	acme := c.Insert("Account", map[string]any{"Name": "Acme", "NumberOfEmployees": 5, "AnnualRevenue": 12345678})
	bolt := c.Insert("Account", map[string]any{"Name": "Bolt 100%", "NumberOfEmployees": 50, "Industry": "Retail", "ParentId": acme})
	core := c.Insert("Account", map[string]any{"Name": "core's", "NumberOfEmployees": 7, "Industry": "Media", "CreatedDate": "2020-02-02T10:00:00Z"})
	gone := c.Insert("Account", map[string]any{"Name": "Gone"})
	c.Delete("Account", gone)
	c.Insert("Order", map[string]any{"AccountId": acme, "EffectiveDate": "2024-05-01", "Status": "Draft"})
	tests := []struct{ where, want string }{
		{"", "Acme,Bolt 100%,core's"},
		{"WHERE Name = 'ACME'", "Acme"},
		{"WHERE Name != 'acme'", "Bolt 100%,core's"},
		{"WHERE Name LIKE '%o%'", "Bolt 100%,core's"},
		{"WHERE Name LIKE 'B_lt%'", "Bolt 100%"},
		{`WHERE Name LIKE '%100\%'`, "Bolt 100%"},
		{`WHERE Name LIKE '%s\%'`, ""},
		{`WHERE Name = 'core\'s'`, "core's"},
		{"WHERE Name IN ('Acme', 'Core\\'s')", "Acme,core's"},
		{"WHERE Name NOT IN ('Acme')", "Bolt 100%,core's"},
		{"WHERE NumberOfEmployees > 5", "Bolt 100%,core's"},
		{"WHERE NumberOfEmployees >= 5 AND NumberOfEmployees <= 7", "Acme,core's"},
		{"WHERE NumberOfEmployees < 10 ORDER BY Name DESC", "core's,Acme"},
		{"WHERE Industry = null", "Acme"},
		{"WHERE Industry != null", "Bolt 100%,core's"},
		{"WHERE Industry != 'Retail'", "Acme,core's"},
		{"WHERE Industry < 'N'", "core's"},
		{"WHERE (Industry = 'Retail' OR Industry = 'Media') AND NOT Name = 'core\\'s'", "Bolt 100%"},
		{"WHERE CreatedDate < 2021-01-01T00:00:00Z", "core's"},
		{"WHERE CreatedDate > 2021-01-01T00:00:00.000+01:00", "Acme,Bolt 100%"},
		{"WHERE Parent.Name = 'Acme'", "Bolt 100%"},
		{"WHERE Account.Name = 'Acme'", "Acme"},
		{"WHERE Id = '" + bolt + "'", "Bolt 100%"},
		{"WHERE Id = '" + bolt[:15] + "'", "Bolt 100%"},
		{"WHERE Id IN ('" + core + "','" + acme + "','" + gone + "')", "Acme,core's"},
		{"WHERE Id > '" + acme + "' ORDER BY Id LIMIT 1", "Bolt 100%"},
		{"WHERE Id > '" + acme + "' AND Id <= '" + bolt + "'", "Bolt 100%"},
		{"WHERE IsDeleted = false", "Acme,Bolt 100%,core's"},
		{"ORDER BY Industry NULLS LAST, Name", "core's,Bolt 100%,Acme"},
		{"ORDER BY Industry, Name", "Acme,core's,Bolt 100%"},
		{"ORDER BY NumberOfEmployees DESC LIMIT 2", "Bolt 100%,core's"},
		{"ORDER BY Id LIMIT 1 OFFSET 1", "Bolt 100%"},
		{"LIMIT 0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.where, func(t *testing.T) {
			var names []string
			for _, r := range c.query("select Name from Account " + tt.where).Records {
				names = append(names, r["Name"].(string))
			}
			if got := strings.Join(names, ","); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("count", func(t *testing.T) {
		if p := c.query("SELECT COUNT() FROM Account WHERE NumberOfEmployees > 5"); p.TotalSize != 2 || len(p.Records) != 0 || !p.Done {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("parent fields", func(t *testing.T) {
		p := c.query("SELECT Id, Account.Name, Account.Parent.Name FROM Order")
		if got := fmt.Sprint(p.Records[0]["Account"].(map[string]any)["Name"]); got != "Acme" {
			t.Errorf("got %v", p.Records)
		}
		if parent := p.Records[0]["Account"].(map[string]any)["Parent"]; parent != nil {
			t.Errorf("a null parent is %v", parent)
		}
	})
	t.Run("queryAll", func(t *testing.T) {
		var p page
		c.get("/services/data/v67.0/queryAll?q="+url.QueryEscape("SELECT Name, IsDeleted FROM Account WHERE IsDeleted = true"), &p)
		if len(p.Records) != 1 || p.Records[0]["Name"] != "Gone" || p.Records[0]["IsDeleted"] != true {
			t.Errorf("got %v", p.Records)
		}
	})
	t.Run("exact bytes", func(t *testing.T) {
		c.Update("Account", acme, map[string]any{"BillingCity": "Köln <1>", "BillingLatitude": 50.9})
		_, _, body := c.do("GET", "/services/data/v66.0/query/?q="+url.QueryEscape("SELECT Id,AnnualRevenue,Industry,CreatedDate,BillingAddress FROM Account WHERE Name='Acme'"), nil)
		stamp := strings.Replace(c.Record("Account", acme)["CreatedDate"], "Z", "+0000", 1)
		want := `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Account","url":"/services/data/v66.0/sobjects/Account/` + acme + `"},"Id":"` + acme +
			`","AnnualRevenue":1.2345678E7,"Industry":null,"CreatedDate":"` + stamp + `","BillingAddress":{"street":null,"city":"Köln <1>","state":null,` +
			`"postalCode":null,"country":null,"latitude":50.9,"longitude":null,"geocodeAccuracy":null}}]}`
		if string(body) != want {
			t.Errorf("got  %s\nwant %s", body, want)
		}
	})
}

func TestSOQLErrors(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	c.HideField("Account", "Phone")
	c.DenyObject("Lead")
	tests := []struct{ name, query, code string }{
		{"empty", "", "MALFORMED_QUERY"},
		{"no fields", "SELECT FROM Account", "MALFORMED_QUERY"},
		{"junk at the end", "SELECT Id FROM Account a b c", "MALFORMED_QUERY"},
		{"and beside or", "SELECT Id FROM Account WHERE Name='a' AND Name='b' OR Name='c'", "MALFORMED_QUERY"},
		{"open string", "SELECT Id FROM Account WHERE Name='a", "MALFORMED_QUERY"},
		{"open parenthesis", "SELECT Id FROM Account WHERE (Name='a'", "MALFORMED_QUERY"},
		{"unknown object", "SELECT Id FROM Nope", "INVALID_TYPE"},
		{"object without permission", "SELECT Id FROM Lead", "INVALID_TYPE"},
		{"tooling object", "SELECT Id FROM PlatformEventChannelMember", "INVALID_TYPE"},
		{"unknown field", "SELECT Id, Nope FROM Account", "INVALID_FIELD"},
		{"hidden field", "SELECT Phone FROM Account", "INVALID_FIELD"},
		{"hidden field in WHERE", "SELECT Id FROM Account WHERE Phone = '1'", "INVALID_FIELD"},
		{"unknown relationship", "SELECT Nope.Name FROM Account", "INVALID_FIELD"},
		{"long text in WHERE", "SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"},
		{"quoted number", "SELECT Id FROM Account WHERE NumberOfEmployees = '5'", "INVALID_FIELD"},
		{"unquoted text", "SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"},
		{"offset", "SELECT Id FROM Account LIMIT 5 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := c.do("GET", "/services/data/v67.0/query?q="+url.QueryEscape(tt.query), nil)
			if status != 400 || !strings.Contains(string(body), `"errorCode":"`+tt.code+`"`) || body[0] != '[' {
				t.Errorf("got %d %s", status, body)
			}
		})
	}
}

func FuzzSOQL(f *testing.F) {
	c := newClient(f, salesforcetest.Config{Records: 1})
	for _, seed := range []string{"SELECT Id FROM Account", "SELECT COUNT() FROM Contact WHERE Name LIKE 'a%'", "SELECT Account.Name FROM Contact ORDER BY Id",
		"SELECT Id FROM Contact WHERE (NOT Birthdate > 2001-01-01) AND Email != null", "SELECT Id FROM Account WHERE Name LIKE '\\é_%\\'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		c := &client{Org: c.Org, t: t, http: c.http, token: c.token}
		status, _, body := c.do("GET", "/services/data/v67.0/query?q="+url.QueryEscape(query), nil)
		if status != 200 && status != 400 && status != 414 && status != 431 {
			t.Errorf("%d %s", status, body)
		}
	})
}

func TestPaging(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 450})
	var p page
	status, _, body := c.do("GET", "/services/data/v67.0/query?q=SELECT+Id,Email+FROM+Contact+ORDER+BY+Email", nil, "Sforce-Query-Options", "batchSize=200")
	c.decode(status, body, &p)
	seen := map[any]bool{}
	last := ""
	for pages := 1; ; pages++ {
		for _, r := range p.Records {
			seen[r["Id"]] = true
			if email := r["Email"].(string); email < last {
				t.Fatalf("%s after %s", email, last)
			} else {
				last = email
			}
		}
		if p.Done {
			if pages != 3 || p.NextRecordsURL != "" {
				t.Errorf("%d pages, then %q", pages, p.NextRecordsURL)
			}
			break
		}
		c.Update("Contact", p.Records[0]["Id"].(string), map[string]any{"Email": "a@example.com"}) // the result stands
		next := p.NextRecordsURL
		if !strings.HasPrefix(next, "/services/data/v67.0/query/01g") {
			t.Fatalf("nextRecordsUrl %s", next)
		}
		p = page{}
		c.get(next, &p)
	}
	if len(seen) != 450 {
		t.Errorf("%d records", len(seen))
	}
	if status, _, body := c.do("GET", "/services/data/v67.0/query/01g5e0000000099AAA-200", nil); status != 400 || !strings.Contains(string(body), "INVALID_QUERY_LOCATOR") {
		t.Errorf("unknown locator: %d %s", status, body)
	}
}
