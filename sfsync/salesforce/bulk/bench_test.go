package bulk_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// BenchmarkResults reads 50,000 generated contacts over TLS, both ways one page after another. Time and
// memory include what the test org needs to write them.
func BenchmarkResults(b *testing.B) {
	_, jobs := newOrg(b, salesforcetest.Config{BulkPage: 5_000, Records: 50_000})
	job := complete(b, jobs)
	for _, name := range []string{"sequential", "by links"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				for page, err := range all(b.Context(), jobs, job)[name] {
					if err != nil {
						b.Fatal(err)
					}
					for _, err := range page.Rows() {
						if err != nil {
							b.Fatal(err)
						}
						rows++
					}
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
