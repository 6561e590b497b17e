package salesforcetest

import "net/http"

// Refusal is one of the ways in which the data API refuses a call, answered
// with the status, code and text of the service.
type Refusal int

// The refusals that an administrator, a limit or a busy service brings about
// (REST API Developer Guide, "Status Codes and Error Responses"; the texts are
// those that clients report in public issues).
const (
	// DailyLimit is 403 REQUEST_LIMIT_EXCEEDED for the calls of a day. SetAPICalls
	// brings it about as well.
	DailyLimit Refusal = iota + 1
	// ConcurrentLimit is the same status and code for too many long calls at
	// once. SetConcurrency brings it about as well.
	ConcurrentLimit
	// LongTransactions is the same status and code for too many long
	// transactions at once.
	LongTransactions
	// RowLocked is 400 UNABLE_TO_LOCK_ROW.
	RowLocked
	// Busy is 503 SERVER_UNAVAILABLE.
	Busy
	// QueryTimeout is 400 QUERY_TIMEOUT.
	QueryTimeout
	// RunningTooLong is 400 REQUEST_RUNNING_TOO_LONG.
	RunningTooLong
	// SecurityPolicy is 403 TXN_SECURITY_NO_ACCESS: a transaction security
	// policy blocked the call, and will block it again.
	SecurityPolicy
	// LocatorLost is 400 INVALID_QUERY_LOCATOR. ExpireCursors brings it about as
	// well.
	LocatorLost
	// OrgDisabled is 403 API_DISABLED_FOR_ORG.
	OrgDisabled
	// OrgLocked is 403 ORG_LOCKED.
	OrgLocked
	// EdgeDown is 502 of a proxy before the org, with a page and no JSON.
	EdgeDown
)

var wordings = map[Refusal]refusal{
	DailyLimit:       {http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", nil},
	ConcurrentLimit:  {http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", nil},
	LongTransactions: {http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded", nil},
	RowLocked:        {http.StatusBadRequest, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", nil},
	Busy:             {http.StatusServiceUnavailable, "SERVER_UNAVAILABLE", "Server too busy", nil},
	QueryTimeout:     {http.StatusBadRequest, "QUERY_TIMEOUT", "Your query request was running for too long.", nil},
	RunningTooLong:   {http.StatusBadRequest, "REQUEST_RUNNING_TOO_LONG", "Your request was running for too long, and has been stopped.", nil},
	SecurityPolicy: {http.StatusForbidden, "TXN_SECURITY_NO_ACCESS",
		"The operation you requested isn't allowed due to a security policy in your organization. Contact your administrator.", nil},
	LocatorLost: {http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator", nil},
	OrgDisabled: {http.StatusForbidden, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", nil},
	OrgLocked:   {http.StatusForbidden, "ORG_LOCKED", "organization has been locked", nil},
}

// err is the refusal as an error of the data API.
func (r Refusal) err() error {
	e := wordings[r]
	return &e
}

// answer writes the refusal.
func (r Refusal) answer(w http.ResponseWriter) {
	if r == EdgeDown {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html><body><h1>502 Bad Gateway</h1></body></html>"))
		return
	}
	a := errorAnswer(r.err())
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}
