package sfsync_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// faults are what goes wrong between the org and the copy.
var faults = []step{
	{"cut", 5, func(t *trial) string { t.org.CutStreams(); return "all streams" }},
	{"stream fails", 3, (*trial).failStreams},
	{"subscribe fails", 3, (*trial).failSubscribe},
	{"token death", 3, func(t *trial) string { t.org.ExpireTokens(); return "all" }},
	{"storm", 5, (*trial).storm},
	{"throttle", 3, (*trial).throttle},
	{"refuse", 4, (*trial).refuse},
	{"jobs", 2, (*trial).loseJobs},
	{"deliveries", 1, (*trial).deliveries},
	{"poison", 1, (*trial).poison},
	{"concurrency", 1, func(t *trial) string {
		t.org.SetConcurrency(1)
		t.undos["concurrency"] = func() { t.org.SetConcurrency(0) }
		return "one call at once"
	}},
	{"used up", 1, (*trial).useUp},
	{"damage", 4, (*trial).damage},
	{"delay", 4, (*trial).delay},
	{"twice", 3, (*trial).twice},
	{"answer late", 6, (*trial).answerLate},
	{"hide", 3, (*trial).hide},
	{"glimpse", 2, (*trial).glimpse},
	{"deny", 1, (*trial).deny},
	{"no View All", 1, (*trial).blind},
	{"revoke", 1, func(t *trial) string { t.org.RevokeUser(); t.undos["revoke"] = t.org.RestoreUser; return "the user" }},
	{"mend", 6, (*trial).mend},
	{"slow", 2, (*trial).slow},
	{"crash", 3, func(t *trial) string { return t.crash() + t.start() }},
	{"crash amid", 2, (*trial).crashAmid},
	{"outage", 2, (*trial).outage},
}

// crashAmid crashes when the copy has one part of a change of several records.
func (t *trial) crashAmid() string {
	t.ready()
	commits, late := 1+t.random.Int64N(3), t.random.IntN(4) > 0
	if t.worker == nil || t.worker.store == nil {
		return t.write((*trial).alike) + t.crash() + t.start()
	}
	t.worker.failAfter(commits, late)
	did := t.write((*trial).alike)
	t.worker.died()
	t.worker = nil
	return did + t.start()
}

// resyncs make the engine read all records of an object again.
var resyncs = []step{
	{"overflow", 2, func(t *trial) string { t.org.OverflowNext(); return t.write((*trial).several) }},
	{"wildcard", 2, func(t *trial) string { t.org.WildcardNext(); return t.write((*trial).update) }},
	{"undecodable", 2, func(t *trial) string { t.org.UndecodableNext(t.object()); return t.write((*trial).several) }},
	{"snapshot", 1, func(t *trial) string { t.org.SymbolNext("SNAPSHOT"); return t.write((*trial).update) }},
	{"reset", 2, func(t *trial) string { t.must(t.org.ResetReplay()); return "the replay ids" }},
	{"migrate", 2, (*trial).migrate},
	{"expire", 2, func(t *trial) string { t.must(t.org.Expire()); t.org.CutStreams(); return "all replay ids" }},
	{"corrupt", 2, (*trial).corrupt},
	{"widen", 2, func(t *trial) string { return t.switchPolicy(true) }},
	{"narrow", 2, func(t *trial) string { return t.switchPolicy(false) }},
	{"drop field", 2, (*trial).dropField},
	{"field type", 2, (*trial).fieldType},
}

// failStreams ends the streams with one of the service's errors.
func (t *trial) failStreams() string {
	suffix := pick(t.random, "service.unavailable", "subscription.internal.error", "service.protection.throttled")
	t.org.FailStreams(suffix, codes.Unavailable, "The service is not available for 555-0100.")
	return suffix
}

func (t *trial) failSubscribe() string {
	e := pick(t.random, failure{"service.unavailable", codes.Unavailable}, failure{"subscription.limit.exceeded", codes.ResourceExhausted},
		failure{"concurrent.client.limit.reached", codes.ResourceExhausted}, failure{"", codes.Unavailable})
	t.org.FailSubscribe(e.suffix, e.code, "refused")
	t.org.CutStreams()
	return e.suffix
}

// corrupt refuses the position of a stream.
func (t *trial) corrupt() string {
	suffix := pick(t.random, "subscription.fetch.replayid.corrupted", "subscription.fetch.replayid.validation.failed")
	t.org.FailSubscribe(suffix, codes.InvalidArgument, "refused")
	t.org.CutStreams()
	return suffix
}

type failure struct {
	suffix string
	code   codes.Code
}

// paths are the parts of the API that the engine calls.
func (t *trial) path() string {
	return pick(t.random, "/", "/", "/services/data", "/oauth2/token", "/jobs/query", "/results", "/composite", collections, "/describe")
}

// arm arms a fault until it has happened or the history mends it.
func (t *trial) arm(f salesforcetest.Fault) string {
	t.armed++
	t.undos[fmt.Sprint("fault ", t.armed)] = t.org.Intercept(f)
	return fmt.Sprintf("%s%s: %d %s %d times from call %d, cut %d, truncated %d, delayed %s", f.Method, f.Path, f.Status, f.Code, f.Times, f.Nth, f.Cut, f.Truncate, f.Delay)
}

func (t *trial) storm() string {
	return t.arm(salesforcetest.Fault{Path: t.path(), Status: pick(t.random, 500, 502, 503, 504), Nth: t.random.IntN(4), Times: 1 + t.random.IntN(4),
		Code: pick(t.random, "", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION")})
}

func (t *trial) throttle() string {
	f := salesforcetest.Fault{Path: pick(t.random, "/services/data", "/jobs/query", "/composite", "/describe"), Status: 403, Code: "REQUEST_LIMIT_EXCEEDED", Times: 1 + t.random.IntN(3)}
	switch t.random.IntN(4) {
	case 0:
		f.Status, f.Code = 429, ""
		f.Header = http.Header{"Retry-After": {"1"}}
	case 1:
		f.Body = `[{"message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`
	case 2:
		f.Body = `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`
	}
	return t.arm(f)
}

// refuse answers as Salesforce does when it cannot do a call now.
func (t *trial) refuse() string {
	refusal := pick(t.random, salesforcetest.ConcurrentLimit, salesforcetest.LongTransactions, salesforcetest.RowLocked, salesforcetest.Busy,
		salesforcetest.QueryTimeout, salesforcetest.RunningTooLong, salesforcetest.SecurityPolicy, salesforcetest.LocatorLost,
		salesforcetest.OrgDisabled, salesforcetest.EdgeDown)
	did := t.arm(salesforcetest.Fault{Path: pick(t.random, collections, "/jobs/query", "/results", "/composite"), Times: 1 + t.random.IntN(2), Refuse: refusal})
	return fmt.Sprint("refusal ", refusal, " ", did)
}

// loseJobs is what happens to Bulk jobs and cursors under way.
func (t *trial) loseJobs() string {
	switch t.random.IntN(4) {
	case 0:
		t.org.FailJobs(1 + t.random.IntN(2))
		return "fail"
	case 1:
		t.org.AbortJobs()
		return "aborted"
	case 2:
		t.org.ExpireJobs()
		return "expired"
	}
	t.org.ExpireCursors()
	return "cursors expired"
}

// deliveries leaves no event delivery of the day.
func (t *trial) deliveries() string {
	t.org.SetDeliveries(10, 10)
	t.undos["deliveries"] = func() { t.org.SetDeliveries(0, 0) }
	return "used up"
}

// poison makes each read by id fail in which a record is.
func (t *trial) poison() string {
	id := t.any(t.object())
	if id == "" {
		return ""
	}
	t.org.PoisonID(id, "MALFORMED_ID")
	t.undos["poison "+id] = func() { t.org.PoisonID(id, "") }
	return id
}

// migrate moves the org to another instance, where the old replay ids may be
// taken for new ones. It takes a while, in which nothing is reached.
func (t *trial) migrate() string {
	did := t.crash()
	t.added++
	t.org.SetInstance(fmt.Sprint("T", t.added))
	t.must(pick(t.random, t.org.ReuseReplay, t.org.ResetReplay)())
	return did + t.start()
}

// useUp leaves no API call of the day.
func (t *trial) useUp() string {
	t.org.SetAPICalls(100, 100)
	t.undos["used up"] = func() { t.org.SetAPICalls(0, 100_000) }
	return "the calls of the day"
}

// damage breaks or ends answers early. What was asked has been done.
func (t *trial) damage() string {
	f := salesforcetest.Fault{Path: t.path(), Nth: t.random.IntN(4), Times: 1 + t.random.IntN(3), Cut: -1}
	switch t.random.IntN(3) {
	case 0:
		f.Cut = 1 + t.random.IntN(600)
	case 1:
		f.Cut, f.Truncate = 0, 1+t.random.IntN(600)
	}
	return t.arm(f)
}

func (t *trial) delay() string {
	return t.arm(salesforcetest.Fault{Path: t.path(), Times: 1 + t.random.IntN(4), Delay: time.Duration(10+t.random.IntN(150)) * time.Millisecond})
}

// twice has calls reach the org twice, as by a proxy that repeats them.
func (t *trial) twice() string {
	path, times := t.path(), 1+t.random.IntN(4)
	t.arm(salesforcetest.Fault{Path: path, Times: times, Twice: true})
	return fmt.Sprint(path, ", ", times, " calls")
}

// answerLate keeps back an answer that has been computed: what happens
// meanwhile is not in it.
func (t *trial) answerLate() string {
	if t.undo("answer late") {
		return "no longer"
	}
	release := make(chan struct{})
	where := pick(t.random, collections, "/results", "/results", "/composite")
	disarm := t.org.Intercept(salesforcetest.Fault{Path: where, Nth: t.random.IntN(2), Rewrite: func(body []byte) []byte { <-release; return body }})
	t.undos["answer late"] = func() { disarm(); close(release) }
	return where
}

// hide takes the right to read a field, which the policy may name.
func (t *trial) hide() string {
	f := stock[t.random.IntN(len(stock))]
	if !t.policy.names(f) || f.fixed || strings.HasSuffix(f.name, "Id") {
		return ""
	}
	t.hides(f)
	t.undos["hide "+f.object+f.name] = func() { t.org.ShowField(f.object, f.name) }
	return f.object + "." + f.name
}

// glimpse hides a field for no longer than it takes to hear of one change.
func (t *trial) glimpse() string {
	object := t.object()
	id, values := t.any(object), t.values(object, false)
	for _, f := range stock {
		if _, changes := values[f.name]; f.object == object && changes && f.personal && t.policy.names(f) && id != "" {
			t.ready()
			t.hides(f)
			t.hears(id, func() {
				t.write(func(t *trial, tx *salesforcetest.Tx) string { return done(id, tx.Update(object, id, values)) })
			})
			t.org.ShowField(object, f.name)
			return id + "." + f.name
		}
	}
	return ""
}

func (t *trial) hides(f stocked) {
	t.hidden[f.object] = true
	t.unheard = t.unheard || t.created[f.object] || t.drops
	t.org.HideField(f.object, f.name)
}

func (t *trial) deny() string {
	object := t.object()
	t.unheard = t.unheard || t.policy.channel // which leaves the object out and says nothing
	t.org.DenyObject(object)
	t.undos["deny "+object] = func() { t.org.AllowObject(object) }
	return object
}

func (t *trial) blind() string {
	object := t.object()
	t.unheard = t.unheard || t.policy.channel
	t.org.SetViewAll(object, false)
	t.undos["blind "+object] = func() { t.org.SetViewAll(object, true) }
	return object
}

// mend ends one of the troubles.
func (t *trial) mend() string {
	names := t.troubles()
	if len(names) == 0 {
		return ""
	}
	name := names[t.random.IntN(len(names))]
	t.undo(name)
	return name
}

// outage stops the copy while the org goes on.
func (t *trial) outage() string {
	did := t.crash()
	for range t.random.IntN(8) {
		did += "; " + t.step(t.allowed(changes))
	}
	return did + "; " + t.start()
}

// switchPolicy starts the copy anew with more or less to keep.
func (t *trial) switchPolicy(wider bool) string {
	var some []stocked
	for _, f := range stock {
		_, listed := t.policy.persons[f.object]
		if listed && !f.required && !f.unlisted && t.policy.names(f) != wider && !t.dropped[f.object+"."+f.name] {
			some = append(some, f)
		}
	}
	if len(some) == 0 {
		return ""
	}
	f := some[t.random.IntN(len(some))]
	did := t.crash()
	t.policy = t.policy.flip(f)
	return did + f.object + "." + f.name + "; " + t.start()
}

// fieldType gives a custom field another type: its values are kept and a gap
// event names their records, or they are cleared and a wildcard says so, or
// nothing but the describe changes.
func (t *trial) fieldType() string {
	if len(t.open) > 0 || t.dropped["Contact.Loyalty_Tier__c"] {
		return ""
	}
	kinds := []string{"multipicklist", "string", "picklist"}
	kind := kinds[t.retyped%len(kinds)]
	t.retyped++
	t.org.ChangeFieldType("Contact", "Loyalty_Tier__c", kind)
	return "Contact.Loyalty_Tier__c becomes a " + kind
}

// dropField takes a field from the org. If the policy names it, someone will
// see the fault and change the policy.
func (t *trial) dropField() string {
	f := stock[t.random.IntN(len(stock))]
	name := f.object + "." + f.name
	if f.required || t.dropped[name] || strings.HasSuffix(f.name, "Id") || strings.HasSuffix(f.name, "City") || strings.HasSuffix(f.name, "Street") {
		return "" // those are parts of something
	}
	t.dropped[name] = true
	t.org.DropField(f.object, f.name)
	t.undos["drop "+name] = func() {
		if t.policy.names(f) {
			t.crash()
			t.policy = t.policy.flip(f)
			t.start()
		}
	}
	return name
}
