package sfsync_test

import (
	"crypto"
	"errors"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// signInScenes go wrong at the token endpoint.
func signInScenes() []scene {
	const at = "/oauth2/token"
	token := func(instance, id, token string) salesforcetest.Fault {
		return answer(at, 200, `{"access_token":"`+token+`","instance_url":"`+instance+`","id":"https://login.salesforce.com/id/`+id+
			`","token_type":"Bearer","scope":"`+marker+`","signature":"`+marker+`"}`)
	}
	const org, user, dot = "00D5e000000000z", "0055e0000000001", ".my.salesforce.com"
	return []scene{
		{name: "sign-in refused, secret repeated", fault: echo(at, 400, `{"error":"invalid_client","error_description":"`, `"}`), want: fault.SignInRefused},
		{name: "sign-in refused, assertion repeated", fault: echo(at, 400, `{"error":"invalid_grant","error_description":"`, `"}`),
			play: (*stage).passWithJWT, want: fault.SignInRefused},
		{name: "signer fails with its key", play: (*stage).passWithLeakySigner, want: fault.KeyUnavailable},
		{name: "sign-in refused with a value as code", fault: answer(at, 400, `{"error":"`+marker+`"}`), want: fault.SignInRefused},
		{name: "sign-in refused without JSON", fault: answer(at, 403, page), want: fault.SignInRefused},
		{name: "token is no JSON", fault: echo(at, 200, "", ""), want: fault.ResponseInvalid},
		{name: "token breaks off", fault: rewrite(at, half), want: fault.ResponseInvalid},
		{name: "token with a line end", fault: token("https://"+marker+dot, org+"/"+user, marker+`\r\nX: `+marker), want: fault.ResponseInvalid},
		{name: "token without an org", fault: token("https://"+marker+dot, marker, marker), want: fault.ResponseInvalid},
		{name: "token of another org than its id", fault: token("https://"+marker+dot, org+"/"+user, "00DAA0000000002!"+marker), want: fault.ResponseInvalid},
		{name: "token of another org", fault: token("https://"+marker+dot, org+"/"+user, marker+marker), want: fault.WrongOrg},
		{name: "instance is no https", fault: token("http://"+marker+dot, org+"/"+user, marker+marker), want: fault.HostRefused},
		{name: "instance elsewhere", fault: salesforcetest.Fault{Path: at, Times: -1, Rewrite: func(body []byte) []byte {
			before, after, _ := strings.Cut(string(body), `"instance_url":"`)
			_, after, _ = strings.Cut(after, `"`)
			return []byte(before + `"instance_url":"https://` + marker + dot + `"` + after)
		}}, want: fault.HostRefused},
		{name: "sign-in redirected", fault: salesforcetest.Fault{Path: at, Times: -1, Status: 302, Body: page,
			Header: http.Header{"Location": {"https://evil.example.com/" + marker}}}, want: fault.RedirectRefused},
		{name: "sign-in is down", fault: patient(answer(at, 503, page)), want: fault.Unavailable},
		{name: "sign-in throttled", fault: patient(answer(at, 429, `{"error":"rate_limit_exceeded","error_description":"`+marker+`"}`)), want: fault.Throttled},
		{name: "token without end", fault: answer(at, 200, strings.Repeat(marker, 10_000)), want: fault.TooLarge},
		{name: "user deactivated", late: true, play: func(s *stage) error {
			s.org.RevokeUser()
			s.undo = append(s.undo, s.org.RestoreUser)
			return s.pass()
		}, want: fault.SignInRefused},
		{name: "sessions ended", late: true, play: func(s *stage) error { s.org.ExpireTokens(); return s.pass() }},
	}
}

// again opens the copy once more with another configuration, and makes a pass.
func (s *stage) again(change func(*salesforce.Config)) {
	s.stopped()
	s.change = change
	s.open(s.TB, s.org)
}

func (s *stage) passWithJWT() error {
	signer, err := salesforce.LoadSigner(s.org.JWTKeyFile())
	s.must(err)
	s.addSigner(s.org.JWTKeyFile())
	s.again(func(c *salesforce.Config) { c.Signer, c.ClientSecret = signer, salesforce.Secret{} })
	return s.pass()
}

// leakySigner is a key service whose errors repeat what they were given.
type leakySigner struct{ crypto.Signer }

func (leakySigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("key " + marker + " is locked")
}

func (s *stage) passWithLeakySigner() error {
	signer, err := salesforce.LoadSigner(s.org.JWTKeyFile())
	s.must(err)
	s.addSigner(s.org.JWTKeyFile())
	s.again(func(c *salesforce.Config) { c.Signer, c.ClientSecret = leakySigner{signer}, salesforce.Secret{} })
	return s.pass()
}

// describeScenes go wrong in calls that go through simpleforce, and in what is
// common to all calls.
func describeScenes() []scene {
	const at = "/describe"
	return []scene{
		{name: "bad request repeats row and query", fault: refusal(at, 400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"), want: fault.RequestInvalid},
		{name: "error code is a value", fault: refusal(at, 400, marker), want: fault.RequestInvalid},
		{name: "not found repeats the row", fault: refusal(at, 404, "NOT_FOUND"), want: fault.ObjectLost},
		{name: "session is refused again and again", fault: echo(at, 401, `[{"errorCode":"INVALID_SESSION_ID","message":"`, `"}]`), want: fault.SessionExpired},
		{name: "session is refused once", fault: once(refusal(at, 401, "INVALID_SESSION_ID"))},
		{name: "error body is an empty list", fault: answer(at, 400, `[]`), want: fault.RequestInvalid},
		{name: "error body is a row", fault: answer(at, 400, rowText), want: fault.RequestInvalid},
		{name: "error body is no JSON", fault: answer(at, 403, page), want: fault.Denied},
		{name: "server error in HTML", fault: patient(answer(at, 500, page)), want: fault.Unavailable},
		{name: "server error once", fault: once(answer(at, 502, page))},
		{name: "gateway timeout", fault: patient(answer(at, 504, page)), want: fault.Timeout},
		{name: "org elsewhere", fault: answer(at, 420, page), want: fault.HostRefused},
		{name: "redirect with values", fault: salesforcetest.Fault{Path: at, Times: -1, Status: 307, Body: page,
			Header: http.Header{"Location": {"https://evil.example.com/?q=" + marker}, "Set-Cookie": {"sid=" + marker}}}, want: fault.RedirectRefused},
		{name: "calls of the day used up", late: true, play: func(s *stage) error {
			s.org.SetAPICalls(100_000, 100_000)
			s.undo = append(s.undo, func() { s.org.SetAPICalls(1, 100_000) })
			return s.pass()
		}, want: fault.LimitExceeded},
		{name: "too many calls at once", fault: patient(refusal(at, 429, "REQUEST_LIMIT_EXCEEDED")), want: fault.LimitExceeded},
		{name: "blocked by a policy", fault: refusal(at, 403, "TXN_SECURITY_"+"NO_ACCESS"), want: fault.Blocked},
		{name: "describe is gzip that breaks off", fault: salesforcetest.Fault{Path: at, Times: 1, Truncate: 200}},
		{name: "describe is JSON that breaks off", fault: rewrite(at, half), want: fault.ResponseInvalid},
		{name: "describe is a row", fault: answer(at, 200, rowText), want: fault.ResponseInvalid},
		{name: "describe is a web page", fault: answer(at, 200, page), want: fault.ResponseInvalid},
		{name: "connection dropped", fault: salesforcetest.Fault{Path: at, Cut: -1}},
		{name: "connection dropped within the answer", fault: salesforcetest.Fault{Path: at, Cut: 300}},
		{name: "handler panics", fault: salesforcetest.Fault{Path: at, Rewrite: func([]byte) []byte { panic(marker) }}},
		{name: "field hidden", late: true, play: func(s *stage) error {
			s.org.HideField("Contact", "Email")
			s.undo = append(s.undo, func() { s.org.ShowField("Contact", "Email") })
			return s.pass()
		}, want: fault.FieldLost},
		{name: "object hidden", late: true, play: func(s *stage) error {
			s.org.DenyObject("Contact")
			s.undo = append(s.undo, func() { s.org.AllowObject("Contact") })
			return s.pass()
		}, want: fault.ObjectLost},
		{name: "caller does not wait", fault: salesforcetest.Fault{Path: at, Times: -1, Hold: make(chan struct{})}, play: (*stage).runOut, want: fault.Timeout},
	}
}

// bulkScenes go wrong in the read of all records.
func bulkScenes() []scene {
	const at, results = "/jobs/query", "/results"
	job := func(old, text string) salesforcetest.Fault {
		return only(replace(at+"/", old, text), func(r *http.Request) bool {
			return r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, results)
		})
	}
	const complete = `"state":"JobComplete"`
	// rows are a page's, the header first, without the quotes at their ends.
	rows := func(change func(rows []string) []string) salesforcetest.Fault {
		return rewrite(results, func(body []byte) []byte {
			text := strings.TrimSuffix(strings.TrimPrefix(string(body), `"`), "\"\n")
			return []byte(`"` + strings.Join(change(strings.Split(text, "\"\n\"")), "\"\n\"") + "\"\n")
		})
	}
	cell := func(n int, text string) salesforcetest.Fault {
		return rows(func(l []string) []string {
			cells := strings.Split(l[1], `","`)
			cells[n] = text
			l[1] = strings.Join(cells, `","`)
			return l
		})
	}
	return []scene{
		{name: "query refused and repeated", fault: refusal(at, 400, "MALFORMED_QUERY"), want: fault.RequestInvalid},
		{name: "job is a row", fault: answer(at, 200, rowText), want: fault.ResponseInvalid},
		{name: "job is a web page", fault: answer(at, 200, page), want: fault.ResponseInvalid},
		{name: "job failed, row repeated", fault: job(complete, `"state":"Failed","errorMessage":"INVALID_FIELD: `+escaped.Replace(queryText)+`"`), want: fault.FieldLost},
		{name: "job failed without a code", fault: job(complete, `"state":"Failed","errorMessage":"`+marker+`: `+escaped.Replace(rowText)+`"`), want: fault.Unavailable},
		{name: "job aborted under a value as object", play: (*stage).passNamingObject, fault: job(complete, `"state":"Aborted","object":"`+marker+`"`), want: fault.Conflict},
		{name: "job in an unknown state", fault: job(complete, `"state":"`+marker+`","id":"`+marker+`"`), want: fault.ResponseInvalid},
		{name: "job counts other rows", fault: job(`"numberRecordsProcessed":`, `"numberRecordsProcessed":1`), want: fault.ResponseInvalid},
		{name: "results are not there", fault: refusal(results, 404, "NOT_FOUND"), want: fault.NotFound},
		{name: "results are down", fault: patient(answer(results, 500, page)), want: fault.Unavailable},
		{name: "results redirected", fault: salesforcetest.Fault{Path: results, Times: -1, Status: 302, Header: http.Header{"Location": {"/" + marker}}}, want: fault.RedirectRefused},
		{name: "results are a web page", fault: answer(results, 200, page), want: fault.ResponseInvalid},
		{name: "results lack a row", fault: rows(func(l []string) []string { return l[:len(l)-1] }), want: fault.ResponseInvalid},
		{name: "results have a row too many", fault: rows(func(l []string) []string { return append(l, l[1]) }), want: fault.ResponseInvalid},
		{name: "results end within a cell", fault: rewrite(results, half), want: fault.ResponseInvalid},
		{name: "results are gzip that breaks off", fault: salesforcetest.Fault{Path: results, Times: -1, Truncate: 300}, want: fault.Truncated},
		{name: "results break off", fault: salesforcetest.Fault{Path: results, Times: -1, Cut: 300}, want: fault.Truncated},
		{name: "results have an unknown column", fault: replace(results, `"Id"`, `"`+marker+`"`), want: fault.ResponseInvalid},
		{name: "results have a column too many", fault: rows(func(l []string) []string {
			for i := range l {
				l[i] += `","` + marker
			}
			return l
		})},
		{name: "row has a cell too many", fault: rows(func(l []string) []string { l[1] += `","` + marker; return l }), want: fault.PayloadInvalid},
		{name: "quote within a cell", fault: rows(func(l []string) []string { l[1] = marker + `"x","` + l[1]; return l }), want: fault.PayloadInvalid},
		{name: "record id is a value", fault: cell(0, marker), want: fault.PayloadInvalid},
		{name: "stamp is a value", fault: cell(1, marker), want: fault.PayloadInvalid},
	}
}

// passNamingObject is a pass whose fault must name the object as the policy does.
func (s *stage) passNamingObject() error {
	err := s.pass()
	var e *fault.Error
	if errors.As(err, &e) && !slices.Contains([]string{"Contact", "Case"}, e.Object()) {
		s.Errorf("the fault names %q as its object", e.Object())
	}
	return err
}

// passScenes go wrong in what follows the first copy: changed rows, deletes and
// rows read again by id.
func passScenes() []scene {
	changed := func(f salesforcetest.Fault) salesforcetest.Fault {
		f.Path = "/composite"
		return only(f, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/composite") })
	}
	reread := "/composite/sobjects/"
	part := func(status, body string) string {
		return `{"compositeResponse":[{"body":` + body + `,"httpHeaders":{"X":"` + marker + `"},"httpStatusCode":` + status + `,"referenceId":"page"}]}`
	}
	list := []scene{
		{name: "changed rows are refused", fault: changed(answer("", 200, part("400", `[{"errorCode":"INVALID_FIELD","message":"`+escaped.Replace(queryText)+`"}]`))), want: fault.FieldLost},
		{name: "changed rows break off", fault: changed(rewrite("", half)), want: fault.ResponseInvalid},
		{name: "changed rows are no JSON", fault: changed(answer("", 200, page)), want: fault.ResponseInvalid},
		{name: "changed rows are one value", fault: changed(answer("", 200, part("200", `"`+marker+`"`))), want: fault.ResponseInvalid},
		{name: "changed row is no record", fault: changed(answer("", 200, part("200", `{"totalSize":1,"done":true,"records":[["`+marker+`"]]}`))), want: fault.PayloadInvalid},
		{name: "changed row lacks fields", fault: changed(answer("", 200, part("200", `{"totalSize":1,"done":true,"records":[`+rowText+`]}`))), want: fault.PayloadInvalid},
		{name: "changed row has an object as e-mail address", fault: changed(rewrite("", func(body []byte) []byte {
			return []byte(strings.Replace(string(body), `"LastName":"`, `"LastName":{"`+marker+`":1},"x":"`, 1))
		})), want: fault.PayloadInvalid},
		{name: "next page elsewhere", fault: changed(answer("", 200, part("200", `{"totalSize":9,"done":false,"records":[],"nextRecordsUrl":"https://evil.example.com/`+marker+`"}`))), want: fault.HostRefused},
		{name: "deletes are refused", fault: refusal("/deleted", 400, "INVALID_REPLICATION_DATE"), want: fault.RequestInvalid},
		{name: "deletes name a value", fault: answer("/deleted", 200, `{"deletedRecords":[{"id":"`+marker+`"}],"latestDateCovered":"2026-11-24T00:00:00.000+0000"}`), want: fault.ResponseInvalid},
		{name: "deletes are no JSON", fault: answer("/deleted", 200, page), want: fault.ResponseInvalid},
		{name: "rows read again are refused", play: (*stage).unreadable, fault: refusal(reread, 400, "INVALID_ID_FIELD"), log: fault.RequestInvalid},
		{name: "rows read again are others", play: (*stage).unreadable, fault: answer(reread, 200, "["+rowText+"]"), log: fault.ResponseInvalid},
		{name: "rows read again are too many", play: (*stage).unreadable, fault: answer(reread, 200, "[null,"+rowText+"]"), log: fault.ResponseInvalid},
		{name: "rows read again are no JSON", play: (*stage).unreadable, fault: answer(reread, 200, page), log: fault.ResponseInvalid},
	}
	for i := range list {
		list[i].late = true
	}
	return list
}

// unreadable lets a record be read again that cannot be.
func (s *stage) unreadable() error {
	happened := false
	return s.follow(func() bool {
		if !happened && s.equal() {
			happened = true
			s.org.GapNext("")
			s.org.Update("Contact", slices.Sorted(maps.Keys(maps.Collect(s.org.Records("Contact"))))[0], map[string]any{"LastName": "Roe " + marker})
		}
		return s.sync.Status().Objects["Contact"].Unreadable > 0
	})
}

// writeScenes go wrong in calls that the program makes with values of its own.
func writeScenes() []scene {
	const at = "/sobjects/Contact"
	create := func(s *stage) error {
		_, err := rest.New(s.client).Create(s.Context(), "Contact", marked())
		return err
	}
	upsert := func(s *stage) error {
		fields := rest.Fields{"External_Id__c": marker, "LastName": marker}
		_, _, err := rest.New(s.client).Upsert(s.Context(), "Contact", "External_Id__c", fields)
		return err
	}
	query := func(s *stage) error {
		_, err := rest.New(s.client).Query(s.Context(), queryText)
		return err
	}
	return []scene{
		{name: "duplicate found, other person's row repeated", play: create, want: fault.RequestInvalid,
			fault: answer(at, 400, `[{"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?","duplicateResult":{"matchResults":[{"matchRecords":[{"record":`+rowText+`}]}]}}]`)},
		{name: "record locked", play: create, fault: refusal(at, 400, "UNABLE_TO_LOCK_ROW"), want: fault.Conflict},
		{name: "value refused", play: create, fault: refusal(at, 400, "INVALID_EMAIL_ADDRESS"), want: fault.RequestInvalid},
		{name: "trigger fails", play: create, fault: refusal(at, 500, "APEX_ERROR"), want: fault.Unavailable},
		{name: "created, and the answer is a row", play: create, fault: answer(at, 201, rowText), want: fault.RequestInvalid},
		{name: "external id twice", play: upsert, want: fault.RequestInvalid,
			fault: answer("/composite/sobjects", 200, `[{"success":false,"errors":[{"statusCode":"DUPLICATE_EXTERNAL_ID","message":"`+marker+`","fields":["`+marker+`"]}]}]`)},
		{name: "upsert answers a page", play: upsert, fault: answer("/composite/sobjects", 200, page), want: fault.ResponseInvalid},
		{name: "query of values refused", play: query, fault: answer("/composite", 200,
			`{"compositeResponse":[{"body":[{"errorCode":"MALFORMED_QUERY","message":"`+escaped.Replace(queryText)+`"}],"httpStatusCode":400}]}`), want: fault.RequestInvalid},
		{name: "query answers what simpleforce panics at", play: query, fault: answer("/composite", 200,
			`{"compositeResponse":[{"body":{"totalSize":"`+marker+`","records":"`+marker+`"},"httpStatusCode":200}]}`), want: fault.ResponseInvalid},
		{name: "configuration is a value", play: func(s *stage) error {
			_, err := salesforce.FromEnv(func(string) string { return filepath.Join(s.dir, marker) })
			return err
		}, want: fault.ConfigInvalid},
	}
}
