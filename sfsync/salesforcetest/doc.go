// Package salesforcetest is a Salesforce org for tests: real sockets on
// loopback that answer OAuth, REST, Bulk 2.0 and the Pub/Sub API as an org
// does, with data, permissions and faults that a test controls. It is to
// Salesforce clients what net/http/httptest is to HTTP clients, and it runs as
// a program (examples/testorg) for clients in other languages.
//
//	org, err := salesforcetest.New(salesforcetest.Config{Records: 100})
//	defer org.Close()
//	env, err := salesforce.FromEnv(org.Getenv)
//
// The rule it keeps: it behaves as the documentation and the captures say, not
// as this library's client expects, so it shares no code with the client. A
// client that works here should have to change nothing for a real org.
//
// What a test changes: Insert, Update, Delete, Merge, Convert and Begin, for a
// transaction that commits late; Silent, HardDelete and Purge for what no event
// tells of; HideField, DenyObject, SetViewAll, SetSharing and Select for
// permissions; AddField, DropField, SetPersonAccounts and SetInstance for the
// org itself; Channel for custom channels, enriched and filtered ones; Managed for
// managed subscriptions; HoldPublish, GapNext, OverflowNext, WildcardNext,
// TwoEventsNext, UndecodableNext, LoseNext, Redeliver, AddEnumSymbol, SymbolNext
// and ChangeFieldType for events at their worst; Expire, ResetReplay,
// ReuseReplay, SetDeliveries, CutStreams, FailSubscribe and FailStreams for
// streams; Intercept, which also refuses in the service's words (Refusal),
// ExpireTokens, RevokeUser, SetAPICalls, SetConcurrency, ExpireCursors, PoisonID,
// FailJobs, AbortJobs, ExpireJobs, PurgeDeleteLog and SetIDLimit for faults. What
// Salesforce leaves open is an option of Config or of PubSub.
//
// # Security
//
// All people in it are synthetic: example.com, .net and .org addresses and
// 555-01xx telephone numbers. It listens on loopback only. TLS is 1.3 under a
// certificate authority made for each run, whose key never leaves memory and
// which can vouch for loopback names only. It is not hardened against hostile
// clients, and its answers repeat what was sent, as a real org's do: never
// load it with real data.
package salesforcetest
