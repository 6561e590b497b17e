// Package kms shows how a vault is opened with the key of a cloud: AWS KMS,
// Google Cloud KMS or the transit engine of HashiCorp Vault, each through
// Tink's own client. It has examples and tests and no code of its own: any
// [tink.AEADWithContext] is a key-encryption key, and a [tink.AEAD] becomes one
// by [crypto.WithoutContext].
//
// [crypto.WithURI] names the key, so that [crypto.Vault.Keysets] shows which one
// encrypts each keyset.
//
// The rule it keeps: it is a module apart, so that whoever imports sfsync has no
// cloud's SDK in the module graph, and takes the one client that is needed.
//
// # Which key, and what it may do
//
//   - AWS KMS: a symmetric key; kms:Encrypt and kms:Decrypt on it and nothing
//     else. The associated data is the encryption context and stands in
//     CloudTrail in the clear: it is the org's id, the keyset's use and its
//     version, hex encoded, and no more.
//   - Google Cloud KMS: a key of purpose ENCRYPT_DECRYPT; the role
//     roles/cloudkms.cryptoKeyEncrypterDecrypter on that key.
//   - HashiCorp Vault: a transit key of type aes256-gcm96; update on its encrypt
//     and decrypt paths. Versions of Vault that do not know associated_data
//     ignore it (Vault 1.9 added it); the vault checks org, use and version
//     again inside the keyset. Tink's client takes no context: a call under way
//     ends by the HTTP client's timeout only, so set one.
//
// A vault calls its key at most once a minute, whatever the load: each branch
// keyset in use stays in memory for a minute, or, as long as there are two of
// them (from RotateBranch to the end of RewrapKeys), for two, and so on. Two
// calls more are made when it is opened, one more for each type of index, and a
// few for each keyset that is made or exchanged. Each process has a vault of its
// own. While the key cannot be used, sealing waits (fault.KeyUnavailable) and the
// stream keeps what it has for three days; the call is repeated after five
// seconds, ten, twenty, forty, and then once a minute, however many wait for it.
//
// A key that is scheduled for deletion or disabled opens nothing: cancel the
// deletion, or, before it is scheduled, exchange the key by
// [crypto.Vault.RotateKEK]. Once it is deleted, everything sealed is gone for good.
package kms
