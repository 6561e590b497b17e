// Package sfsync keeps a minimised, sealed, up-to-date copy of a Salesforce
// org: it reads what a policy allows, follows the org's changes, seals personal
// fields for the person they are about, and applies all of it to a store.
//
// The rule it keeps: no change is lost, whatever breaks. Events are applied in
// stream order; what an event cannot say becomes a debt that commits with the
// position that passes it, and only a read that began after the debt pays it.
//
//	s, err := sfsync.New(sfsync.Config{Org: org, Policy: policy, Store: rows, Vault: vault})
//	err = s.Run(ctx)
//
// [Sync.Run] is the whole job. [Sync.CatchUp] is one pass without a stream, for
// cron jobs. [Sync.Changes] hands each batch to a pipeline before it is
// applied. [Sync.Reconcile] and [Sync.Backfill] look for what no event told of,
// beside a run or alone. [Sync.Plan] says what a changed policy would do, before
// it is done, and [Sync.Status] how far the copy is.
//
// # How a change reaches the store
//
// A batch is made under the lock of its object: the rows it names are loaded,
// the rules of apply.go and settle.go say what becomes of them, and their
// fields are sealed. It is then queued, and batches commit in the order of the
// queue, each with its rows, position, debts and ledger entries in one
// transaction. While one is being written the next is made from the rows as
// the queue will leave them. If a commit fails, everything queued is void and
// the run begins again from what is durable.
//
// # What a refusal of Salesforce leads to
//
// Each has its own right answer, the same for describes, Bulk jobs, polls and
// reads by id; those of the token endpoint are for sign-ins. Codes are those of
// the REST API guide, "Status Codes and Error Responses", the SOAP API guide,
// ExceptionCode, and the help article "OAuth 2.0 Error Codes".
//
// Waited out, while everything else goes on; [Status] says until when:
//
//	REQUEST_LIMIT_EXCEEDED, TotalRequests     no call but a look at the limits every 15 minutes, until calls are left
//	REQUEST_LIMIT_EXCEEDED, Concurrent…       all calls stop for a second or more, then each is repeated ever less often
//	subscription.limit.exceeded               every stream is closed until a look at the limits finds deliveries left
//	429, rate_limit_exceeded                  as for concurrent calls
//	Retry-After                               nothing is repeated before
//	SERVER_UNAVAILABLE, API_CURRENTLY_DISABLED, 5xx, no answer
//	                                          five attempts within seconds, then again after 1 second to 1 minute
//	UNABLE_TO_LOCK_ROW                        the same
//	QUERY_TIMEOUT, REQUEST_RUNNING_TOO_LONG   less at once: half as many ids, down to one, or fewer rows of a poll;
//	                                          for a Bulk job, one for each half of the records
//	INVALID_SESSION_ID                        one sign-in for all callers; one that fails is not repeated for 30 seconds
//	INVALID_QUERY_LOCATOR                     the query goes on behind the last row
//	404, 409 for a job; Failed, Aborted       another job is made for what is still owed
//
// The run ends at once, and is not worth repeating before somebody acts:
//
//	TXN_SECURITY_…                            a transaction security policy blocks the call (fault.Blocked)
//	API_DISABLED_FOR_ORG                      the user may not use the API (fault.Blocked)
//	invalid_grant, invalid_client, invalid_app_access, inactive_user, ORG_LOCKED
//	                                          no sign-in any more (fault.SignInRefused)
//	420, 3xx                                  the org is at another host (fault.HostRefused, fault.RedirectRefused)
//
// The object pauses alone, until the org shows it again:
//
//	INVALID_FIELD                             a field is gone or hidden (fault.FieldLost)
//	INVALID_TYPE                              the object is (fault.ObjectLost)
//	INSUFFICIENT_ACCESS…, 403                 a permission is gone (fault.Denied)
//	KEY_HAS_BEEN_DESTROYED                    the org can no longer decrypt the data (fault.Denied)
//
// Before its first session has begun, Run waits for limits only and returns
// every other fault. CatchUp waits for none.
//
// # Security
//
// The engine can seal and cannot open: it holds a crypto.Sealer and no
// Opener. It prints nothing; a Logger, if given, receives object names, counts
// and codes. A process that holds the sealer holds the keys in memory: whoever
// reads its memory reads them.
package sfsync
