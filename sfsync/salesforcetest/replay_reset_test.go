package salesforcetest_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestReset(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reset func(*salesforcetest.Org) error
		old   codes.Code // of a stream that resumes behind an old id
		ends  bool       // open streams end
		lower bool       // new ids are below the old ones
	}{
		"expired": {(*salesforcetest.Org).Expire, codes.InvalidArgument, false, false},
		"reset":   {(*salesforcetest.Org).ResetReplay, codes.InvalidArgument, true, true},
		"reused":  {(*salesforcetest.Org).ReuseReplay, codes.OK, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			org := newOrg(t, salesforcetest.Config{Dir: dir})
			b := dial(t, org)
			live, _ := b.latest(t, accounts, 100)
			org.Insert("Account", map[string]any{"Name": "Heard"})
			old := events(t, live, 1)[0].ReplayId
			org.Insert("Account", map[string]any{"Name": "Lost"})
			events(t, live, 1)
			if err := c.reset(org); err != nil {
				t.Fatal(err)
			}
			if c.ends {
				_, err := drain(live)
				if code, suffix := refusal(err, live.Trailer()); code != codes.Internal || suffix != "service.unavailable" {
					t.Errorf("the open stream ends with %v, %q", err, suffix)
				}
			}
			org.Insert("Account", map[string]any{"Name": "New"})
			check := func(b *bus) {
				t.Helper()
				s := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: old, NumRequested: 9})
				r, err := s.Recv()
				if code, suffix := refusal(err, s.Trailer()); code != c.old || code != codes.OK && suffix != "subscription.fetch.replayid.corrupted" {
					t.Errorf("behind an old id: %v with %q", err, suffix)
				} else if code == codes.OK {
					if _, body := b.decode(t, r.Events[0]); body["Name"] != "New" {
						t.Errorf("behind an old id the stream goes on with %v", body["Name"])
					}
				}
				first := events(t, b.earliest(t, accounts, 9), 1)[0]
				if _, body := b.decode(t, first); body["Name"] != "New" || (string(first.ReplayId) < string(old)) != c.lower {
					t.Errorf("EARLIEST begins with %v under the id %x, the old one is %x", body["Name"], first.ReplayId, old)
				}
			}
			check(b)
			if err := org.Close(); err != nil {
				t.Fatal(err)
			}
			check(dial(t, newOrg(t, salesforcetest.Config{Dir: dir})))
		})
	}
}
