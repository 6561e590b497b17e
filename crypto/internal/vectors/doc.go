// Package vectors plays the vectors of Project Wycheproof
// (github.com/c2sp/wycheproof) against the two primitives of package crypto.
//
// The rule it keeps: what a vector calls valid opens to its plaintext, and
// everything else is a fault, under GODEBUG=fips140=only too. It is a module of
// its own, as the vectors are 100 MB that no importer should load.
//
// Wycheproof's HKDF vectors have nothing to play against: no key of ours is
// derived from another. Every key is random and wrapped, because a derived one
// could be derived again after it was destroyed. A test holds us to that.
package vectors
