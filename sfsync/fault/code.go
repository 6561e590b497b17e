package fault

// Code says what kind of failure it was. Codes are stable: they may be stored
// and branched on, and a new release only adds to them.
type Code string

// Error makes a code usable as the target of errors.Is.
func (c Code) Error() string { return string(c) }

// What the caller did or ran into.
const (
	// Canceled: the caller's context ended.
	Canceled Code = "canceled"
	// Timeout: a deadline passed or the network did not answer in time.
	Timeout Code = "timeout"
	// ConfigInvalid: a setting is missing or contradicts another.
	ConfigInvalid Code = "config_invalid"
	// BudgetSpent: the run has read as much as its caller allows one run.
	BudgetSpent Code = "budget_spent"
	// BackfillRefused: a read of everything, asked for by hand, is not
	// authorised: it lacks a bound, has expired or would exceed one.
	BackfillRefused Code = "backfill_refused"
	// Internal: a state that should be impossible; please report it.
	Internal Code = "internal"
)

// The way to Salesforce.
const (
	// Unavailable: the server or the network failed; later it may work.
	Unavailable Code = "unavailable"
	// Throttled: too many calls at once; wait, then go on.
	Throttled Code = "throttled"
	// LimitExceeded: an allocation of the org is used up until it refills.
	LimitExceeded Code = "limit_exceeded"
	// TLSRefused: version, certificate or host name was not acceptable.
	TLSRefused Code = "tls_refused"
	// RedirectRefused: the server answered with a redirect; none is followed.
	RedirectRefused Code = "redirect_refused"
	// HostRefused: the server named a host or path that is not the org's.
	HostRefused Code = "host_refused"
	// SignInRefused: the org does not accept the credentials.
	SignInRefused Code = "sign_in_refused"
	// SessionExpired: the access token is no longer valid; sign in again.
	SessionExpired Code = "session_expired"
	// WrongOrg: the org, store or keys belong to another org than configured.
	WrongOrg Code = "wrong_org"
	// Denied: the integration user lacks a permission.
	Denied Code = "denied"
	// Blocked: a security policy or setting of the org stops every such call;
	// do not retry.
	Blocked Code = "blocked"
	// NotFound: the named thing does not exist in the org.
	NotFound Code = "not_found"
	// RequestInvalid: Salesforce refused the request as malformed.
	RequestInvalid Code = "request_invalid"
	// TooLarge: an answer is larger than its bound, or the org was too long
	// over it; ask for less at once.
	TooLarge Code = "too_large"
	// Truncated: an answer ended before its end.
	Truncated Code = "truncated"
	// ResponseInvalid: an answer does not have the form it should have.
	ResponseInvalid Code = "response_invalid"
)

// The stream.
const (
	// NotSelected: the object is not selected for Change Data Capture.
	NotSelected Code = "not_selected"
	// Filtered: the channel delivers some of an object's changes only.
	Filtered Code = "filtered"
	// ReplayInvalid: the replay id is outside retention, corrupted or reset.
	ReplayInvalid Code = "replay_invalid"
	// SchemaInvalid: an Avro schema cannot be read or is not the one named.
	SchemaInvalid Code = "schema_invalid"
	// PayloadInvalid: an event, row or record cannot be decoded.
	PayloadInvalid Code = "payload_invalid"
)

// The policy.
const (
	// PolicyInvalid: the policy contradicts itself or the rules.
	PolicyInvalid Code = "policy_invalid"
	// PolicyOlder: the store has already seen a newer policy version.
	PolicyOlder Code = "policy_older"
	// FieldLost: a field the policy names is gone or hidden.
	FieldLost Code = "field_lost"
	// ObjectLost: an object the policy names is gone or hidden.
	ObjectLost Code = "object_lost"
)

// Keys and sealed values.
const (
	// Forgotten: the person's key was destroyed on purpose.
	Forgotten Code = "forgotten"
	// ForgetLost: both databases were put back from before somebody was
	// forgotten, who would be back with them.
	ForgetLost Code = "forget_lost"
	// KeyMissing: a key is gone without a tombstone; the data is damaged.
	KeyMissing Code = "key_missing"
	// KeyUnavailable: the key-encryption key cannot be reached or refuses.
	KeyUnavailable Code = "key_unavailable"
	// KeyExhausted: a key has sealed as often as it may.
	KeyExhausted Code = "key_exhausted"
	// Tampered: sealed bytes do not open where they stand.
	Tampered Code = "tampered"
	// FormatUnknown: sealed bytes or a file are of an unknown version.
	FormatUnknown Code = "format_unknown"
	// Refused: the recorder or guard did not allow the opening.
	Refused Code = "refused"
)

// The store and the ledger.
const (
	// Conflict: something else wrote first; read again and repeat.
	Conflict Code = "conflict"
	// Fenced: another writer has taken over; this one must stop.
	Fenced Code = "fenced"
	// StoreBusy: the database is locked by another process.
	StoreBusy Code = "store_busy"
	// StoreNewer: the database was written by a newer release.
	StoreNewer Code = "store_newer"
	// StoreReadOnly: the database cannot be written.
	StoreReadOnly Code = "store_read_only"
	// StoreFull: no space is left for the database.
	StoreFull Code = "store_full"
	// StoreDamaged: the database is not one of ours or is damaged.
	StoreDamaged Code = "store_damaged"
	// StoreFailed: the database failed in another way.
	StoreFailed Code = "store_failed"
	// LossRefused: a read found more rows gone than the caller allows at once.
	LossRefused Code = "loss_refused"
	// LedgerBroken: the ledger's chain does not hold.
	LedgerBroken Code = "ledger_broken"
)
