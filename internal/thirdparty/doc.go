// Package thirdparty tests the test org (sfsync/salesforcetest) with clients
// that nobody here wrote, as they are published: simpleforce and go-salesforce
// for Go, and jsforce for Node. It is a module of its own, so that none of them
// is in the module graph of an importer.
//
// The rule it keeps: no client is changed or wrapped. Where the org does not
// work with one, the org is at fault, or the client does not work with
// Salesforce either.
package thirdparty
