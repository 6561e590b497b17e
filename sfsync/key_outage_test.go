package sfsync_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/internal/bubble"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// keyService is a key-encryption key as a service keeps it, which may refuse.
type keyService struct {
	tink.AEADWithContext
	calls   atomic.Int64
	refuses atomic.Pointer[func(call int64) error]
}

func (s *keyService) refuse(how func(call int64) error) { s.refuses.Store(&how) }
func (s *keyService) restore()                          { s.refuses.Store(nil) }

func (s *keyService) call() error {
	n := s.calls.Add(1)
	if refuse := s.refuses.Load(); refuse != nil {
		return (*refuse)(n)
	}
	return nil
}

func (s *keyService) EncryptWithContext(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.AEADWithContext.EncryptWithContext(ctx, plaintext, associated)
}

func (s *keyService) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.AEADWithContext.DecryptWithContext(ctx, ciphertext, associated)
}

func away(int64) error { return errors.New("kms: 503 Service Unavailable") }

func pendingDeletion(int64) error { return errors.New("kms: KMSInvalidStateException") }

func throttled(call int64) error {
	if call%2 == 0 {
		return errors.New("kms: ThrottlingException")
	}
	return nil
}

// keyWeek is a week whose Sync seals by a key service. What compares the copy
// with the org has a way to the key of its own, that is never refused.
type keyWeek struct {
	*week
	kms    *keyService
	sealer *crypto.Vault
}

func newKeyWeek(t *testing.T) *keyWeek {
	w := &keyWeek{week: newWeek(t)}
	w.serve()
	return w
}

// serve puts a new key service before the key file.
func (w *keyWeek) serve() {
	w.Helper()
	kek, err := filekek.Open(filepath.Join(filepath.Dir(filepath.Dir(w.keys.Path())), "secret", "kek.json"))
	w.must(err)
	w.kms = &keyService{AEADWithContext: kek}
	w.use(w.keys, w.kms)
	w.sealer = w.vault
	w.Cleanup(func() { w.sealer.Close() })
	w.vault, err = crypto.OpenVault(w.Context(), w.keys, kek, w.org.OrgID())
	w.must(err)
}

// minutes lets them pass, with a change at every fifth, and looks every five seconds.
func (w *keyWeek) minutes(n int, look func()) {
	for minute := range n {
		if minute%5 == 0 {
			w.change(minute)
		}
		for range 12 {
			time.Sleep(5 * time.Second)
			look()
		}
	}
}

// waitsForKey checks that the status says that topics wait for the key, and that
// it names nothing else.
func (w *keyWeek) waitsForKey() {
	w.Helper()
	status := w.sync.Status()
	if len(status.Waiting) == 0 || status.Ready(24*time.Hour) {
		w.Errorf("without the key the status says %q, and that %v wait", status.Phase, status.Waiting)
	}
	for name, wait := range status.Waiting {
		if wait.Code != fault.KeyUnavailable {
			w.Errorf("%s waits for %s, want %s", name, wait.Code, fault.KeyUnavailable)
		}
	}
}

// back checks that the copy is the org five minutes after the key is back and,
// when each topic has had a keepalive, that the status says so.
func (w *keyWeek) back() {
	w.Helper()
	time.Sleep(5 * time.Minute)
	if d := w.difference(); d != "" {
		w.Errorf("the key is back: %s", d)
	}
	time.Sleep(5 * time.Minute)
	if s := w.sync.Status(); !s.Ready(10 * time.Minute) {
		w.Errorf("the key is back, and the status says %+v", s)
	}
}

// TestKeyAway: in an hour without the key-encryption key, which begins while a
// read is owed, nothing is sealed, nothing that is owed is taken for done, and
// the status says so. Then all of it is done.
func TestKeyAway(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newKeyWeek(t)
		stop := w.start()
		w.minutes(10, func() {})
		if d := w.difference(); d != "" {
			t.Fatal(d)
		}
		refuse := salesforcetest.Fault{Path: collections, Times: -1, Status: 503, Code: "SERVER_UNAVAILABLE"}
		answer := w.org.Intercept(refuse)
		w.org.GapNext("")
		w.update()
		time.Sleep(10 * time.Second)
		owed := w.dirty("Contact")
		if len(owed) != 1 {
			t.Fatalf("%d rows are owed a read, want 1", len(owed))
		}
		w.kms.refuse(away)
		time.Sleep(time.Minute) // the keys in memory are gone
		answer()
		w.update()
		time.Sleep(time.Minute)
		applied, calls := w.sync.Status().Applied, w.kms.calls.Load()
		w.minutes(60, w.waitsForKey)
		if n := w.sync.Status().Applied - applied; n != 0 {
			t.Errorf("%d rows were written without the key", n)
		}
		if now := w.dirty("Contact"); !slices.Equal(now, owed) {
			t.Errorf("reads of %v are owed, want %v", now, owed)
		}
		if n := w.kms.calls.Load() - calls; n > 65 {
			t.Errorf("the hour made %d calls to the key service, want hardly more than 60", n)
		}
		w.kms.restore()
		w.back()
		w.must(stop())
	})
}

// TestKeyThrottled: a key service that refuses every second call delays what
// happens by minutes, and the copy is the org again after each five.
func TestKeyThrottled(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newKeyWeek(t)
		stop := w.start()
		w.minutes(10, func() {})
		w.kms.refuse(throttled)
		waited := 0
		for range 12 {
			w.minutes(5, func() {
				if len(w.sync.Status().Waiting) > 0 {
					w.waitsForKey()
					waited++
				}
			})
			if d := w.difference(); d != "" {
				t.Error(d)
			}
		}
		if waited == 0 {
			t.Error("nothing ever waited for the key")
		}
		w.kms.restore()
		w.back()
		w.must(stop())
	})
}

// TestKeyScheduledForDeletion: a key that is refused for good, until somebody
// takes that back days later. A run that was under way waits. One that starts
// meanwhile ends and says why, and the next one after it finds what was missed.
func TestKeyScheduledForDeletion(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newKeyWeek(t)
		stop := w.start()
		w.minutes(10, func() {})
		w.kms.refuse(pendingDeletion)
		w.minutes(2, func() {})
		w.minutes(20, w.waitsForKey)
		w.must(stop())
		if _, err := crypto.OpenVault(t.Context(), w.keys, w.kms, w.org.OrgID()); fault.CodeOf(err) != fault.KeyUnavailable {
			t.Errorf("opened by a key that is to be deleted: %v, want %s", err, fault.KeyUnavailable)
		}
		if err := w.sync.CatchUp(t.Context()); fault.CodeOf(err) != fault.KeyUnavailable {
			t.Errorf("caught up by a key that is to be deleted: %v, want %s", err, fault.KeyUnavailable)
		}
		time.Sleep(4 * 24 * time.Hour) // the events of these days are gone by then
		w.update()
		w.kms.restore()
		w.serve()
		stop = w.start()
		w.back()
		w.must(stop())
	})
}
