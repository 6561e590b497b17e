// Package bulk reads whole objects out of a Salesforce org with query jobs of
// Bulk API 2.0: the first copy, and every later full read.
//
// The rule it keeps: a page is either read to its last row or it is an error.
// Rows are counted against Sforce-NumberOfRecords, pages against the job. A body
// that breaks off and a gzip stream without its end are [fault.Truncated]: read the
// page again. An answer that came whole, with another number of rows or a row cut
// in two, is [fault.ResponseInvalid]. So whoever commits what a loop yielded
// without an error knows that it was all.
//
//	jobs := bulk.New(org)
//	job, err := jobs.Create(ctx, "SELECT Id, Email FROM Contact", false)
//	job, err = jobs.Wait(ctx, job.ID)
//	for page, err := range jobs.Results(ctx, job, "") {
//		for row, err := range page.Rows() { … }   // cells, not decoded
//		// commit the rows together with page.Next, to go on from there
//	}
//
// A page streams: memory stays flat whatever its size. Its locator names it for
// as long as the job exists (7 days), so a cut read is repeated page by page.
// [Jobs.Links] and [Jobs.Open] let several be read at once, each by a goroutine of
// the caller, who then counts the rows of all pages against Job.Records.
//
// # What Salesforce guarantees, and what not
//
// A job reads the org while others change it: there is no snapshot. Rows that a
// transaction committed during the job may be missing or there. The user sees
// only what sharing lets it see, and nothing in an answer tells a hidden record
// from a missing one. Compound address and geolocation fields, aggregates and
// subqueries are refused (Bulk API 2.0 and Bulk API Developer Guide, "Query").
//
// # Security
//
// Cells are personal data: they live in one buffer, are overwritten by the next
// row, and never enter an error. A job's errorMessage, which quotes the query,
// is read for its code and dropped. A link that the server sends is used only if
// it is the path of a resource of the same job.
package bulk
