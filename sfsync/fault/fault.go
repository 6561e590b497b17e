// Package fault is the one error type of sfsync. It says what failed and what
// to do next, and it cannot carry a value.
//
// The rule it keeps: the words of an [Error] come from the program's own text,
// never from outside. Operation and advice are of a type that only constants
// can have, so a sentence built from data does not compile; what comes from a
// server (its error code, its request id) and what comes from a policy (object
// and field names) is kept only where it has the exact shape of such a name. No
// body, URL, query, token, record id or foreign error is ever in the chain.
//
// Branch on the code:
//
//	if errors.Is(err, fault.SessionExpired) { … }
//
// and read the details with errors.As into a *[Error]. [Retryable] answers the
// caller's usual next question.
//
// # Security
//
// An error is the most copied text in a system: it reaches logs, tickets and
// chat. Salesforce's own error bodies echo rows, and Go's url.Error, json and
// strconv errors echo what they could not parse. All of those stop here: [Wrap]
// keeps the fact that a context ended or a deadline passed, and nothing else.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// text is a sentence or name written in the program. As the type is not
// exported, a caller in another package can only give an untyped constant.
type text string

// Error is a failed operation. Its zero value is not useful; see [New].
type Error struct {
	op     text
	code   Code
	advice text

	http      int    // status, or 0
	grpc      uint32 // status, or 0
	server    string // Salesforce's or OAuth's error code, or ""
	object    string // name from the policy, or ""
	fields    []string
	requestID string
	line, col int

	retryAfter time.Duration
	ended      error // context.Canceled or context.DeadlineExceeded, or nil
}

// New returns an error of the given code. The operation is the function that
// failed, such as "bulk.Create"; the advice is one sentence that tells the
// reader what to do next. Both must be constants.
func New(code Code, op, advice text) *Error {
	return &Error{op: op, code: code, advice: advice}
}

// Wrap is New for a cause from elsewhere. Of the cause it keeps only whether a
// context was cancelled or a deadline passed (the code then becomes Canceled or
// Timeout); a cause that already is an *Error is returned as it is.
func Wrap(cause error, code Code, op, advice text) error {
	if cause == nil {
		return nil
	}
	var e *Error
	if errors.As(cause, &e) {
		return e
	}
	e = New(code, op, advice)
	var timeout net.Error
	switch {
	case errors.Is(cause, context.Canceled):
		e.code, e.ended = Canceled, context.Canceled
	case errors.Is(cause, context.DeadlineExceeded):
		e.code, e.ended = Timeout, context.DeadlineExceeded
	case errors.As(cause, &timeout) && timeout.Timeout():
		e.code = Timeout
	}
	return e
}

// Error is one line: operation, code, advice, then the details that are known.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.op, e.code)
	if e.line > 0 {
		fmt.Fprintf(&b, " at line %d, column %d", e.line, e.col)
	}
	if e.object != "" {
		b.WriteString(": " + e.object)
		if len(e.fields) > 0 {
			b.WriteString("." + strings.Join(e.fields, ", "))
		}
	} else if len(e.fields) > 0 {
		b.WriteString(": " + strings.Join(e.fields, ", "))
	}
	b.WriteString(": " + string(e.advice))
	if d := e.details(); d != "" {
		b.WriteString(" (" + d + ")")
	}
	return b.String()
}

func (e *Error) details() string {
	var d []string
	if e.http != 0 {
		d = append(d, "HTTP "+strconv.Itoa(e.http))
	}
	if e.grpc != 0 {
		d = append(d, "gRPC status "+strconv.Itoa(int(e.grpc)))
	}
	if e.server != "" {
		d = append(d, e.server)
	}
	if e.requestID != "" {
		d = append(d, "request "+e.requestID)
	}
	if e.retryAfter > 0 {
		d = append(d, "retry after "+e.retryAfter.String())
	}
	return strings.Join(d, ", ")
}

// Format prints the one line for every verb, so that %+v and %#v show no more.
func (e *Error) Format(f fmt.State, verb rune) { io.WriteString(f, e.Error()) }

// LogValue gives slog the code and the details as attributes.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("op", string(e.op)), slog.String("code", string(e.code)),
		slog.String("message", e.Error()))
}

// Is reports whether the target is this error's code, or the way its context
// ended. It makes errors.Is(err, fault.Timeout) work.
func (e *Error) Is(target error) bool {
	if code, ok := target.(Code); ok {
		return code == e.code
	}
	return e.ended != nil && target == e.ended
}

// Op is the operation that failed.
func (e *Error) Op() string { return string(e.op) }

// Code is the stable code of the error.
func (e *Error) Code() Code { return e.code }

// HTTPStatus is the status of the answer, or 0.
func (e *Error) HTTPStatus() int { return e.http }

// GRPCStatus is the gRPC status code, or 0.
func (e *Error) GRPCStatus() uint32 { return e.grpc }

// ServerCode is Salesforce's or OAuth's error code, or "".
func (e *Error) ServerCode() string { return e.server }

// Object is the API name of the object concerned, or "".
func (e *Error) Object() string { return e.object }

// Fields are the API names of the fields concerned.
func (e *Error) Fields() []string { return e.fields }

// RetryAfter is the wait a server asked for, or 0.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// CodeOf returns the code of the first *Error in the chain, or "" without one.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.code
	}
	return ""
}

// Retryable reports whether the same call may succeed later, unchanged.
func Retryable(err error) bool {
	switch CodeOf(err) {
	case Timeout, Unavailable, Throttled, SessionExpired, Truncated, Conflict, StoreBusy, KeyExhausted:
		return true
	}
	return false
}
