package salesforcetest_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestDeliveryLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statuses map[string]codes.Code
		want     codes.Code
	}{
		"the usual status": {nil, codes.ResourceExhausted},
		"another":          {map[string]codes.Code{"subscription.limit.exceeded": codes.PermissionDenied}, codes.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{Statuses: c.statuses}})
			org := client.Org
			b := dial(t, org)
			left := func() [2]int {
				var limits map[string]struct{ Max, Remaining int }
				client.get(data+"/limits", &limits)
				return [2]int{limits["DailyDeliveredPlatformEvents"].Max, limits["DailyDeliveredPlatformEvents"].Remaining}
			}
			for range 5 {
				org.Insert("Account", map[string]any{"Name": "Acme"})
			}
			events(t, b.earliest(t, accounts, 5), 5)
			if got := left(); got != [2]int{50000, 49995} {
				t.Errorf("after five deliveries and no limit: %v", got)
			}
			idle, _ := b.latest(t, "/data/ContactChangeEvent", 10)
			org.SetDeliveries(95, 98)
			if got := left(); got != [2]int{98, 3} {
				t.Errorf("before the limit: %v", got)
			}
			s := b.earliest(t, accounts, 5)
			got := events(t, s, 3)
			for name, s := range map[string]stream{"the stream that reached it": s, "an idle one": idle, "a new one": b.earliest(t, accounts, 5)} {
				n, err := drain(s)
				if code, suffix := refusal(err, s.Trailer()); n > 0 || code != c.want || suffix != "subscription.limit.exceeded" {
					t.Errorf("at the limit %s has %d events more and ends with %v, %q", name, n, err, suffix)
				}
			}
			if got := left(); got != [2]int{98, 0} || org.Deliveries() != 98 {
				t.Errorf("at the limit: %v and %d", got, org.Deliveries())
			}
			org.SetDeliveries(0, 98)
			rest := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: got[2].ReplayId, NumRequested: 5})
			events(t, rest, 2)
		})
	}
}

// TestDeliveriesAreCountedByReader holds that each reader's delivery counts, a
// filtered event does not, and the parts of an enriched one count each.
func TestDeliveriesAreCountedByReader(t *testing.T) {
	t.Parallel()
	org, b, topic := sales(t, salesforcetest.Member{Object: "Account", Enriched: []string{"Industry"}, Filter: "ChangeEventHeader.changeType = 'UPDATE'"})
	var ids []string
	for range 3 {
		ids = append(ids, org.Insert("Account", map[string]any{"Name": "Acme"}))
	}
	together(t, org, func(tx *salesforcetest.Tx) (err error) {
		for _, id := range ids {
			if err == nil {
				err = tx.Update("Account", id, map[string]any{"Phone": "555-0100"})
			}
		}
		return err
	})
	events(t, b.earliest(t, topic, 10), 3)
	events(t, b.earliest(t, accounts, 10), 4)
	if got := org.Deliveries(); got != 7 {
		t.Errorf("%d deliveries, want 3 of the channel and 4 of the topic", got)
	}
}
