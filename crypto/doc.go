// Package crypto seals personal values, each under a key of the person whom it
// is about, so that a stolen database shows nothing and a forgotten person's
// values never open again.
//
// The rule it keeps: a value opens only where it was sealed (org, object,
// record, field, person and key), only while the person's key exists, and only
// after the use was recorded.
//
//	key-encryption key     a KMS key, or a file (crypto/filekek)
//	└ branch keyset        one per org, in the keys database, encrypted by it
//	  └ person's key       256 random bits, wrapped by the branch keyset
//	    └ personal field   AES-256-GCM
//
// [OpenVault] opens the keys of one org. A job takes its [Sealer], begins a
// [Batch] for every transaction, asks it for the [Subject] of each record, and
// seals:
//
//	batch, err := vault.Sealer().Begin(ctx)
//	subjects, err := batch.Subjects(ctx, []crypto.Want{{Record: contact}})
//	sealed, err := batch.Seal(nil, subjects[0], field, false, []byte("Ada"))
//
// Opening takes an [Opener], and there is none without a [Recorder].
//
// # Format
//
// Version 1 of a sealed value is the message of a Tink AES256_GCM key with the
// TINK prefix:
//
//	0x01 | key id, 4 | nonce, 12 | ciphertext | tag, 16
//
// The key id is random for each generation of a person's key; the key is found
// by it, never by trial. The plaintext is a type (bit 7: null), the value's
// length as uvarint, the value and zero bytes up to a length class: multiples
// of 16 bytes, of 64 for picklists and booleans, Padmé's classes above 256. The
// associated data is a tuple of seven parts, each its length as uvarint and its
// bytes:
//
//	"sfsync/field/1", org id, object, record id, field, person, key id
//
// Org and record ids have 18 characters, a person 16 bytes, a key id four.
// Wrapped keys, keysets, proofs and tombstones have other labels. With the key
// and these bytes any Tink implementation opens a value.
//
// # Rotation
//
//	key-encryption key  [Vault.RotateKEK]: the keysets are encrypted anew, nothing else
//	branch keyset       [Vault.RotateBranch], then [Vault.RewrapKeys] beside the work,
//	                    then [Vault.DestroyBranch]: keys of persons are wrapped anew
//	person's key        [Vault.RotatePerson]: another generation; what lies under the
//	                    ones before is read again from Salesforce (sfsync.Sync.Renew),
//	                    and these are destroyed then (sfsync.Sync.DestroyRetired)
//	index keyset        [Vault.RenewIndex] and a read of what is found (both are
//	                    sfsync.Sync.Reindex), then [Vault.DropIndex]
//
// The first two touch no value. A keyset is Active, then Retired: it wraps
// nothing more, also for a process that had it in memory; then Destroyed.
// [Vault.Keysets] shows states and dates. Of a person's generations the last one
// seals; the others are retired, and open until they are destroyed. They have
// their dates too ([PersonKey]). What a rotation cannot do is reach into backups:
// an old keys database with the old key-encryption key opens what it opened.
//
// # Blind index
//
// A person is found by an e-mail address, a phone number or an exact value
// through an index in the keys database: the first 128 bits of HMAC-SHA-256,
// with a key for each org and type of value, over
//
//	"sfsync/index/1", org id, form, version of the key, version of the rules, value
//
// as a tuple like that of a field. The value is normalised first: [IndexType],
// [WithPhoneParser]. No version of these rules is ever removed: a value is found by
// that which it was indexed by, until it is read again and indexed by the newest.
// The index keys are keysets under the key-encryption key, not under the branch
// keyset, and stay in memory until the vault is closed. Entries are stored
// before the rows that they lead to and pruned after; what is found counts only
// when its field was opened and confirmed it ([Opener.Confirm]).
//
// # Security
//
// It protects from who has the databases: rows, keys, or both, without the
// key-encryption key; from who moves sealed values about; and, once a person is
// forgotten, from who holds everything, as soon as copies of the keys database
// from before are gone.
//
// It does not protect from who reads the memory of a running process, where
// branch and person keys are for up to a minute, or one for each branch keyset
// while a rotation goes on ([Harden] keeps it out of core dumps), nor from who
// holds both the keys database and the key-encryption key. Who can write the rows
// can put back an older value of the same field. Lengths show the length class,
// and whether a value is there at all unless nulls are sealed too. The keys
// database shows which records belong to one person, and when the person was
// first seen.
//
// The blind index tells who reads the keys database which values of one type are
// equal, across objects and fields, and how many have each: who shares an e-mail
// address or a phone number. Whoever also has the index key, from the memory of a
// process or with the key-encryption key, can confirm a guess: there are so few
// phone numbers that all of them are tried within an hour. Make findable only
// what somebody is to be found by, and nothing with few values, such as a city or
// a birth date. An entry is personal data, and goes when its person is forgotten. A
// process that dies between a commit and its pruning leaves entries behind: those of
// rows that are gone go with the next reconcile, those of older values of a row when
// the field is next written or the record read in full.
//
// A key seals at most 2^31 times. Every seal whose nonce ends in two zero bytes
// is counted, durably, as 65,536, so that counting costs next to nothing; at the
// bound the count is off by half a percent. Then the person gets another key.
// Samples are stored when the next batch begins and by [Vault.Close]: a process
// that is killed, or ends without it, loses those of one batch. NIST SP 800-38D
// section 8.3 allows 2^32 seals with random nonces, so half the room is left for
// that: 2^31 is 20,000 kills, each in a batch that
// sealed 100,000 values of one person. The keys that a branch keyset wraps are
// counted with them, and at 2^31 it wraps no more (fault.KeyExhausted) until it is
// rotated.
//
// Built with GOEXPERIMENT=runtimesecret (Linux on amd64 and arm64), the stack and
// the registers of whatever unwraps or makes a key, seals or opens a value are
// erased at once, and what it allocated when it is collected: package
// runtime/secret. An empty call costs 69 ns, a value of 16 bytes 211 ns instead of
// 151. What a key wrapper and Tink allocate while a keyset is decrypted is not
// covered, nor what the caller does with an opened value. Without it nothing is
// erased but the buffers that are used again.
//
// Nonces are random and chosen inside the standard library, so all of this works
// under GODEBUG=fips140=only.
package crypto
