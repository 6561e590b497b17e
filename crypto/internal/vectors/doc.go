// Package vectors plays the vectors of Project Wycheproof
// (github.com/c2sp/wycheproof) against the two primitives of package crypto.
//
// The rule it keeps: what a vector calls valid opens to its plaintext, and
// everything else is a fault, under GODEBUG=fips140=only too. It is a module of
// its own, as the vectors are 100 MB that no importer should load.
//
// The library derives no key: every key is random and wrapped, because a derived
// one could be derived again after it was destroyed. A test holds us to that. So
// Wycheproof's HKDF vectors show something else: that HKDF built upon our HMAC is
// HKDF, and that the standard library's is too in the same runs. Under
// fips140=only none is left out: all secrets in them have 128 bits or more, and
// 112 are asked for. Two salts have fewer bits, and our HMAC takes none of these
// for a key, as its own have at least 128.
package vectors
