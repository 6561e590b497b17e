package salesforcetest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// usage counts API calls.
type usage struct {
	mu   sync.Mutex
	used int
	max  int

	underWay, atOnce int // calls of the data API being answered, and how many may be; 0 for any
}

// SetConcurrency sets how many calls of the data API may be under way at once;
// one more is refused. 0 lets any number be, as a new org does. The service
// counts calls of 20 seconds and longer; here they count from their start.
func (o *Org) SetConcurrency(limit int) {
	o.api.mu.Lock()
	defer o.api.mu.Unlock()
	o.api.atOnce = limit
}

// enter counts a call in; false if there are too many.
func (u *usage) enter(r *http.Request) bool {
	if !strings.Contains(r.URL.Path, "/services/data") {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.atOnce > 0 && u.underWay >= u.atOnce {
		return false
	}
	u.underWay++
	return true
}

func (u *usage) leave(r *http.Request) {
	if strings.Contains(r.URL.Path, "/services/data") {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.underWay--
	}
}

func (u *usage) limit(cfg Config) int {
	switch {
	case u.max > 0:
		return u.max
	case cfg.APICalls > 0:
		return cfg.APICalls
	}
	return 100_000
}

// count adds a call; false if there is none left.
func (u *usage) count(cfg Config) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used >= u.limit(cfg) {
		return false
	}
	u.used++
	return true
}

// info is the value of Sforce-Limit-Info.
func (u *usage) info(cfg Config) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return fmt.Sprintf("api-usage=%d/%d", u.used, u.limit(cfg))
}

// SetAPICalls sets how many API calls were made today and how many there may
// be; 0 leaves the limit as it is.
func (o *Org) SetAPICalls(used, limit int) {
	o.api.mu.Lock()
	defer o.api.mu.Unlock()
	o.api.used = used
	if limit > 0 {
		o.api.max = limit
	}
}

// APICalls is how many API calls were made.
func (o *Org) APICalls() int {
	o.api.mu.Lock()
	defer o.api.mu.Unlock()
	return o.api.used
}

// serveLimits answers limits and limits/recordCount.
func (o *Org) serveLimits(c *call) (*answer, error) {
	if c.Method != http.MethodGet {
		return nil, notAllowed(c)
	}
	if c.at(1) == "recordCount" {
		return o.serveRecordCount(c)
	}
	o.api.mu.Lock()
	limit := o.api.limit(o.cfg)
	left := limit - o.api.used
	o.api.mu.Unlock()
	both := func(limit, left int) map[string]any { return map[string]any{"Max": limit, "Remaining": left} }
	daily := both(limit, left)
	daily["Test Org App"] = map[string]any{"Max": 0, "Remaining": 0} // some limits nest one for each connected app
	return okValue(map[string]any{"DailyApiRequests": daily, "DailyBulkApiBatches": both(15000, 15000),
		"DailyBulkV2QueryJobs": both(10000, 10000-o.jobs.made()), "DailyBulkV2QueryFileStorageMB": both(976562, 976562),
		"DailyDeliveredPlatformEvents": both(o.events.deliveries.limits()), "HourlyPublishedPlatformEvents": both(250000, 250000),
		"MonthlyPlatformEventsUsageEntitlement": both(0, 0), "ConcurrentAsyncGetReportInstances": both(200, 200),
		"DataStorageMB": both(1024, 512), "FileStorageMB": both(1024, 512)})
}

// serveRecordCount counts records; objects without any are left out.
func (o *Org) serveRecordCount(c *call) (*answer, error) {
	names := strings.FieldsFunc(c.URL.Query().Get("sObjects"), func(r rune) bool { return r == ',' })
	if len(names) == 0 {
		for _, obj := range o.catalogue.Load().sorted() {
			names = append(names, obj.Name)
		}
	}
	counts := []map[string]any{}
	for _, name := range names {
		if obj := o.visible(strings.TrimSpace(name)); obj != nil && o.Count(obj.Name) > 0 {
			counts = append(counts, map[string]any{"count": o.Count(obj.Name), "name": obj.Name})
		}
	}
	return okValue(map[string]any{"sObjects": counts})
}

func notAllowed(c *call) error {
	return refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method '"+c.Method+"' not allowed. Allowed are GET,HEAD")
}
