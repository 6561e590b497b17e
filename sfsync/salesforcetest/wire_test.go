package salesforcetest_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// What clients that nobody here wrote rely on.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 3, Plaintext: true})
	q := url.QueryEscape("SELECT Id FROM Contact")
	for _, path := range []string{"/services/data/v67.0/query/?q=" + q, "//services/data/v67.0/query?q=" + q, "/services/data/v49.0/query?q=" + q} {
		var p page
		c.get(path, &p)
		if p.TotalSize != 3 {
			t.Errorf("%s: %+v", path, p)
		}
	}
	t.Run("identity is absolute", func(t *testing.T) {
		var resources map[string]string
		c.get("/services/data/v67.0", &resources)
		if want := c.LoginURL() + "/id/" + c.OrgID() + "/" + c.UserID(); resources["identity"] != want {
			t.Errorf("got %s, want %s", resources["identity"], want)
		}
	})
	t.Run("versions", func(t *testing.T) {
		resp, err := c.http.Get(c.InstanceURL() + "/services/data") // without a token
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if !strings.HasSuffix(string(body), `{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"},{"label":"Summer '26","url":"/services/data/v67.0","version":"67.0"}]`) {
			t.Errorf("got %s", body)
		}
	})
	t.Run("pretty print", func(t *testing.T) {
		_, _, body := c.do("GET", data+"/query?q=SELECT+Id+FROM+Lead", nil, "X-PrettyPrint", "1")
		if !strings.HasPrefix(string(body), "{\n  \"totalSize\" : 1,\n  \"done\" : true,\n") {
			t.Errorf("got %s", body)
		}
	})
	t.Run("gzip", func(t *testing.T) {
		_, h, body := c.do("GET", data+"/query?q="+q, nil, "Accept-Encoding", "gzip, br, zstd")
		if h.Get("Content-Encoding") != "gzip" {
			t.Fatalf("got %v", h)
		}
		z, err := gzip.NewReader(strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(z); err != nil || !strings.HasPrefix(string(plain), `{"totalSize":3`) {
			t.Errorf("got %s %v", plain, err)
		}
	})
	t.Run("no encoding of those asked for", func(t *testing.T) {
		if _, h, body := c.do("GET", data+"/query?q="+q, nil, "Accept-Encoding", "br, zstd"); h.Get("Content-Encoding") != "" || !strings.HasPrefix(string(body), `{"totalSize":3`) {
			t.Errorf("got %v %.40q", h, body)
		}
	})
	t.Run("gzip announced and no body", func(t *testing.T) {
		if status, _, body := c.do("GET", data+"/query/?q="+q, nil, "Content-Encoding", "gzip"); status != 200 {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("columns", func(t *testing.T) {
		var m struct {
			EntityName     string
			ColumnMetadata []struct{ ColumnName string }
		}
		c.get(data+"/query?columns=true&q="+q, &m)
		if m.EntityName != "Contact" || len(m.ColumnMetadata) != 1 || m.ColumnMetadata[0].ColumnName != "Id" {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("plaintext", func(t *testing.T) {
		status, body := c.form(c.PlaintextInstanceURL()+"/services/oauth2/token", url.Values{"grant_type": {"client_credentials"},
			"client_id": {c.ConsumerKey()}, "client_secret": {c.ClientSecret()}})
		if status != 200 || body["instance_url"] != c.PlaintextInstanceURL() {
			t.Errorf("got %d %v", status, body)
		}
	})
	t.Run("limits", func(t *testing.T) {
		var limits map[string]struct{ Max, Remaining int }
		c.get(data+"/limits", &limits)
		if limits["DailyApiRequests"].Max != 100000 || limits["DailyApiRequests"].Remaining >= 100000 || limits["DailyBulkV2QueryJobs"].Remaining != 10000 {
			t.Errorf("got %v", limits)
		}
		_, _, body := c.do("GET", data+"/limits/recordCount?sObjects=Contact,Lead,Event", nil)
		if string(body) != `{"sObjects":[{"count":3,"name":"Contact"},{"count":1,"name":"Lead"}]}` {
			t.Errorf("got %s", body)
		}
	})
	t.Run("unchanged describe in a composite", func(t *testing.T) {
		_, h, _ := c.do("GET", data+"/sobjects/Account/describe", nil)
		body := map[string]any{"compositeRequest": []any{map[string]any{"method": "GET", "url": data + "/sobjects/Account/describe", "referenceId": "a",
			"httpHeaders": map[string]string{"If-None-Match": h.Get("ETag")}}}}
		_, _, raw := c.do("POST", data+"/composite", body)
		if !strings.Contains(string(raw), `"body":null`) || !strings.Contains(string(raw), `"httpStatusCode":304`) {
			t.Errorf("got %s", raw)
		}
	})
}

func TestDeleteTakesParts(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 2})
	order := c.query("SELECT Id FROM Order LIMIT 1").Records[0]["Id"].(string)
	if status, _, body := c.do("DELETE", data+"/sobjects/Order/"+order, nil); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	if got := fmt.Sprint(c.Count("Order"), c.Count("OrderItem")); got != "1 2" {
		t.Errorf("orders and items left: %s", got)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	id := c.Insert("OrderItem", map[string]any{"OrderId": "8015e0000000001AAA", "Quantity": 1})
	tests := []struct{ in, stored, rest string }{
		{"0", "0.0", "0.0"}, {"5", "5.0", "5.0"}, {"5.10", "5.1", "5.1"}, {"-0.05", "-0.05", "-0.05"}, {"1.005", "1.01", "1.01"}, {"1e3", "1000.0", "1000.0"},
		{"9999999.99", "9999999.99", "9999999.99"}, {"10000000", "10000000.0", "1.0E7"}, {"-12345678.9", "-12345678.9", "-1.23456789E7"},
		{"1234567890123456.78", "1234567890123456.78", "1234567890123456.78"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			c.Update("OrderItem", id, map[string]any{"UnitPrice": tt.in})
			if got := c.Record("OrderItem", id)["UnitPrice"]; got != tt.stored {
				t.Errorf("stored %s, want %s", got, tt.stored)
			}
			_, _, body := c.do("GET", data+"/sobjects/OrderItem/"+id+"?fields=UnitPrice", nil)
			if !strings.HasSuffix(string(body), `"UnitPrice":`+tt.rest+`}`) {
				t.Errorf("answered %s, want %s", body, tt.rest)
			}
		})
	}
}
