package salesforce

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const (
	longestError = 64 << 10        // bytes of an error body that are read
	longestPause = 5 * time.Minute // that one refusal may cause for all calls
	longestAsked = 24 * time.Hour  // that is taken from a Retry-After: a date far away would stop a run for years
)

// Refusal turns an HTTP status and an error body into a fault. Composite calls
// use it for their parts. It keeps the error code of the first error; the
// message, in which Salesforce echoes rows, queries and ids, is read only to tell
// two limits apart, and dropped.
//
// Sources: REST API guide, "Status Codes and Error Responses"; SOAP API guide,
// "Core Data Types", ExceptionCode; help article "OAuth 2.0 Error Codes".
func Refusal(status int, body []byte) *fault.Error {
	code, message := errorCode(body)
	e := byCode(code, message)
	if e == nil {
		e = byStatus(status)
	}
	return e.HTTP(status).Server(code)
}

// errorCode reads the three forms of error body: the data API's
// [{"errorCode","message"}], OAuth's {"error"}, and the identity service's text.
func errorCode(body []byte) (code, message string) {
	var list []struct {
		ErrorCode  string `json:"errorCode"`
		StatusCode string `json:"statusCode"` // in parts of collection calls
		Message    string `json:"message"`
	}
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		if list[0].ErrorCode != "" {
			return list[0].ErrorCode, list[0].Message
		}
		return list[0].StatusCode, list[0].Message
	}
	var oauth struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &oauth) == nil && oauth.Error != "" {
		return oauth.Error, ""
	}
	if strings.TrimSpace(string(body)) == "Bad_OAuth_Token" {
		return "INVALID_SESSION_ID", ""
	}
	return "", ""
}

// byCode returns nil for a code that says no more than the status.
func byCode(code, message string) *fault.Error {
	if strings.HasPrefix(code, "TXN_SECURITY_") {
		return fault.New(fault.Blocked, "salesforce.Do", "a transaction security policy of the org blocked the call; ask its administrator, and do not repeat it")
	}
	if e := signInCode(code); e != nil {
		return e
	}
	switch code {
	case "INVALID_SESSION_ID", "INVALID_AUTH_HEADER":
		return errExpired()
	case "REQUEST_LIMIT_EXCEEDED":
		// One code for two limits; only the message tells them apart.
		if strings.HasPrefix(message, "Concurrent") {
			return errThrottled()
		}
		return fault.New(fault.LimitExceeded, "salesforce.Do", "the org's API calls of the last 24 hours are used up; wait until older ones leave the window, or raise the allocation")
	case "STORAGE_LIMIT_EXCEEDED", "LIMIT_EXCEEDED", "EXCEEDED_QUOTA":
		return fault.New(fault.LimitExceeded, "salesforce.Do", "an allocation of the org is used up; see its limits")
	case "SERVER_UNAVAILABLE", "API_CURRENTLY_DISABLED":
		return errUnavailable()
	case "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG", "OPERATION_TOO_LARGE", "QUERY_TOO_COMPLICATED":
		return fault.New(fault.TooLarge, "salesforce.Do", "the call asks for more than the org can answer at once; ask for less")
	case "UNABLE_TO_LOCK_ROW":
		return fault.New(fault.Conflict, "salesforce.Do", "another transaction holds the record; repeat the call")
	case "NOT_FOUND", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY":
		return errNotFound()
	case "INVALID_QUERY_LOCATOR":
		return fault.New(fault.NotFound, "salesforce.Do", "the query's cursor is gone; begin the read again")
	case "INVALID_FIELD":
		return fault.New(fault.FieldLost, "salesforce.Do", "a field is gone or hidden from the integration user; check the field and its field-level security")
	case "INVALID_TYPE":
		return fault.New(fault.ObjectLost, "salesforce.Do", "an object is gone or hidden from the integration user; check the object and its permissions")
	case "API_DISABLED_FOR_ORG":
		return fault.New(fault.Blocked, "salesforce.Do", "the API is not enabled; give the integration user the permission API Enabled")
	case "KEY_HAS_BEEN_DESTROYED":
		return fault.New(fault.Denied, "salesforce.Do", "the org's own encryption key for this data was destroyed; ask its administrator")
	}
	if strings.HasPrefix(code, "INSUFFICIENT_ACCESS") {
		return errDenied()
	}
	return nil
}

// signInCode knows the codes of the token endpoint and of an org that lets
// nobody in.
func signInCode(code string) *fault.Error {
	switch code {
	case "invalid_grant":
		return fault.New(fault.SignInRefused, "salesforce.SignIn", "the org does not accept the grant; check that the user is pre-authorised for the app, the login URL fits, and this machine's clock is right")
	case "invalid_client", "invalid_client_id":
		return fault.New(fault.SignInRefused, "salesforce.SignIn", "the org does not know the app or its secret; check consumer key, secret and certificate")
	case "invalid_app_access":
		return fault.New(fault.SignInRefused, "salesforce.SignIn", "the user is not approved for the app; add the user's permission set to the app's policies")
	case "inactive_user", "inactive_org":
		return fault.New(fault.SignInRefused, "salesforce.SignIn", "the user or the org is not active; activate it in Setup")
	case "unsupported_grant_type", "unauthorized_client", "invalid_scope", "invalid_request":
		return fault.New(fault.SignInRefused, "salesforce.SignIn", "the app does not allow this flow; enable it in the app's OAuth settings")
	case "rate_limit_exceeded":
		return errThrottled()
	case "ORG_LOCKED", "LOGIN_DURING_RESTRICTED_DOMAIN", "LOGIN_DURING_RESTRICTED_TIME":
		return fault.New(fault.SignInRefused, "salesforce.SignIn", "the org lets this user in neither from here nor now; check login hours, IP ranges and the org's state")
	}
	return nil
}

func byStatus(status int) *fault.Error {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return fault.New(fault.RedirectRefused, "salesforce.Do", "the host answered with a redirect, and none is followed; give the My Domain URL of the org itself")
	case http.StatusUnauthorized:
		return errExpired()
	case http.StatusForbidden:
		return errDenied()
	case http.StatusNotFound, http.StatusGone:
		return errNotFound()
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return fault.New(fault.Timeout, "salesforce.Do", "the org did not answer in time; try again later")
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fault.New(fault.RequestInvalid, "salesforce.Do", "what the call is about has changed or belongs to another API version; begin again with what the org has now")
	case http.StatusTooManyRequests:
		return errThrottled()
	case 420: // Salesforce Edge has no route (REST API guide, status codes)
		return fault.New(fault.HostRefused, "salesforce.Do", "Salesforce knows no org at this host; check the My Domain URL")
	}
	if status >= 500 {
		return errUnavailable()
	}
	return fault.New(fault.RequestInvalid, "salesforce.Do", "the org refused the request; look up its error code")
}

func errExpired() *fault.Error {
	return fault.New(fault.SessionExpired, "salesforce.Do", "the org does not accept the session; sign in again")
}

func errThrottled() *fault.Error {
	return fault.New(fault.Throttled, "salesforce.Do", "the org has too many calls at once; wait, then go on")
}

func errUnavailable() *fault.Error {
	return fault.New(fault.Unavailable, "salesforce.Do", "the org is not available; try again later")
}

func errDenied() *fault.Error {
	return fault.New(fault.Denied, "salesforce.Do", "the integration user lacks a permission for this; compare its permission set with the policy")
}

func errNotFound() *fault.Error {
	return fault.New(fault.NotFound, "salesforce.Do", "the org has no such thing, or hides it from the integration user; check the name")
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3). Salesforce does
// not document the header for REST; proxies on the way send it.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 {
		return time.Duration(min(seconds, int(longestAsked/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil && at.After(now) {
		return min(at.Sub(now).Round(time.Second), longestAsked)
	}
	return 0
}
