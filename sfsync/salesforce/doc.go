// Package salesforce is the way into one Salesforce org: it signs in, keeps the
// session alive, and carries every HTTP and gRPC call that the packages rest,
// bulk and pubsub make.
//
// The rule it keeps: a token goes only to the org it is for. Every connection
// is TLS 1.3 to a host named in the [Config], checked again when the handshake
// is done; no redirect is followed; a link that a server sends is used only as a
// path below /services/data; the instance and the org that a sign-in names must
// be the configured ones.
//
// [New] does no I/O. [Org.SignIn] is called by the first call that needs a
// session, if not before. A session that the org ends is replaced once for all
// callers, and the call is made again. [Org.Do] is the seam for HTTP,
// [Org.Conn] the one for gRPC.
//
// # Security
//
// Tokens, keys and secrets are held in closures ([Secret], [LoadSigner]), so
// that no fmt verb, slog or json call prints one. They stay in memory until the
// process ends; [Org.Revoke] makes the org forget the token.
//
// There is no option that turns a check off: no *http.Client, *tls.Config or
// dial option is taken. The one exception, [TLS12Exception], is bound to a host
// and a date and is reported at each connection ([Org.Observe]). Salesforce
// serves TLS 1.3 on Hyperforce and Edge-routed hosts; first-party infrastructure
// stops at 1.2 (help article 002472175).
//
// What the environment can still change: SSL_CERT_FILE and SSL_CERT_DIR replace
// the system's roots where [Config].Roots names none, and GODEBUG can switch off
// the post-quantum key exchange. HTTPS_PROXY is not read. GODEBUG=http2debug
// prints every header, tokens included, and is refused by New.
//
// # Errors
//
// Every error is a fault.Error. Of an error body only the error code is kept,
// where it has the shape of one; the message, which echoes rows and queries, is
// dropped with the rest of the body.
package salesforce
