package fault

import (
	"regexp"
	"time"
)

// The shapes that text from outside must have to be kept. They are narrow on
// purpose: no digit in a server code, so that no number, date or marked value
// passes for one, and never one word alone, which may be a name, but for those
// of Bulk API 2.0 such as INVALIDJOBSTATE.
var (
	serverCode = regexp.MustCompile(`^(?:[A-Z]{1,32}(?:_[A-Z]{1,32}){1,8}|INVALID(?:JOB|JOBSTATE|BATCH|ENTITY)|[a-z]+(?:_[a-z]+)+|` +
		`sfdc\.platform\.eventbus\.grpc\.(?:service|concurrent|topic|schema|subscription|publish|managed)\.[a-z.]{2,64})$`)
	apiName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}(?:\.[A-Za-z][A-Za-z0-9_]{0,79})?$`)
	requestID = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$`)
)

// HTTP sets the status of an HTTP answer and returns e.
func (e *Error) HTTP(status int) *Error { e.http = status; return e }

// GRPC sets the status code of a gRPC call and returns e.
func (e *Error) GRPC(code uint32) *Error { e.grpc = code; return e }

// Server sets the error code that a server sent, if it has the shape of one.
func (e *Error) Server(code string) *Error {
	if serverCode.MatchString(code) {
		e.server = code
	}
	return e
}

// On sets the object and fields concerned. A name that comes from a policy or
// a describe has the shape of an API name; anything else is left out.
func (e *Error) On(object string, fields ...string) *Error {
	if apiName.MatchString(object) {
		e.object = object
	}
	e.fields = nil
	for _, f := range fields {
		if apiName.MatchString(f) {
			e.fields = append(e.fields, f)
		}
	}
	return e
}

// At sets a position in a file the caller wrote, both counted from 1.
func (e *Error) At(line, column int) *Error { e.line, e.col = line, column; return e }

// Position returns line and column, or 0, 0.
func (e *Error) Position() (line, column int) { return e.line, e.col }

// Request sets the server's id of the request, if it is a UUID.
func (e *Error) Request(id string) *Error {
	if requestID.MatchString(id) {
		e.requestID = id
	}
	return e
}

// After sets how long the server asked to wait.
func (e *Error) After(d time.Duration) *Error { e.retryAfter = d; return e }
