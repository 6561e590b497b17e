package rest

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// Deleted is the org's log of deleted records in a window (REST API guide,
// "sObject Get Deleted"). It is no complete list: the log is purged, and only
// records that the integration user may see are in it.
type Deleted struct {
	// IDs are the records' ids, 18 characters.
	IDs []string
	// Earliest is where the log begins; a window from before it has gaps.
	Earliest time.Time
	// LatestCovered is up to when the log was complete. The next window starts here,
	// not at this one's end.
	LatestCovered time.Time
	// ServerTime is the org's clock when it answered, to the second; the zero time
	// if it did not say.
	ServerTime time.Time
}

// Deleted reads the log from one time to another, at most 15 days back and
// more than a minute apart; the org ignores seconds. fault.RequestInvalid with
// the server code INVALID_REPLICATION_DATE: the window is outside the log.
func (c *Client) Deleted(ctx context.Context, object string, from, to time.Time) (Deleted, error) {
	if !apiName(object) {
		return Deleted{}, errName()
	}
	window := url.Values{"start": {from.UTC().Format(time.RFC3339)}, "end": {to.UTC().Format(time.RFC3339)}}
	body, header, err := c.org.Read(ctx, salesforce.Request{Path: "sobjects/" + object + "/deleted/", Query: window}, longestPage)
	if err != nil {
		return Deleted{}, ofObject(err, object)
	}
	d, err := readDeleted(body)
	d.ServerTime = serverTime(header)
	return d, on(err, object)
}

func readDeleted(body []byte) (Deleted, error) {
	var answer struct {
		DeletedRecords []struct {
			ID string `json:"id"`
		} `json:"deletedRecords"`
		Earliest      stamp `json:"earliestDateAvailable"`
		LatestCovered stamp `json:"latestDateCovered"`
	}
	if json.Unmarshal(body, &answer) != nil || time.Time(answer.LatestCovered).IsZero() {
		return Deleted{}, errForm()
	}
	d := Deleted{Earliest: time.Time(answer.Earliest), LatestCovered: time.Time(answer.LatestCovered)}
	for _, r := range answer.DeletedRecords {
		id, ok := recordid.Normalize(r.ID)
		if !ok {
			return Deleted{}, errForm()
		}
		d.IDs = append(d.IDs, id)
	}
	return d, nil
}

// stamp is a REST date and time, such as 2022-03-17T16:21:26.000+0000.
type stamp time.Time

func (s *stamp) UnmarshalText(text []byte) error {
	at, err := time.Parse("2006-01-02T15:04:05.999Z0700", string(text))
	*s = stamp(at)
	return err
}
