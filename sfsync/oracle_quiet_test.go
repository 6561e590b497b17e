package sfsync_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// outcome plays the history to its end, and says what the copy got wrong.
func (t *trial) outcome() error {
	t.play()
	t.heal()
	return t.settle(patience)
}

// heal ends all trouble.
func (t *trial) heal() {
	for len(t.open) > 0 {
		t.commit()
	}
	t.org.SetCommitLag(0)
	_, revoked := t.undos["revoke"]
	for _, name := range t.troubles() {
		t.undo(name)
	}
	t.survive()
	if revoked { // a refused sign-in is not repeated until someone starts the copy anew
		t.crash()
	}
	t.start()
}

// reconcile finds the changes of which no event told. Without such changes it
// is not called, because it would mend what was lost. Events that are repeated
// after it may undo what it found, until the next one: it comes behind them.
func (t *trial) reconcile(patience time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, object := range t.policy.objects() {
		if t.unheard && object != t.policy.polled {
			t.streams(ctx, object)
		}
	}
	for t.unheard && ctx.Err() == nil {
		if _, err = t.worker.sync.Reconcile(ctx); err == nil {
			return nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return err
}

// streams inserts records until the stream has told of one: a position that is taken
// meanwhile is behind the event of the one before, which comes by a read then.
func (t *trial) streams(ctx context.Context, object string) {
	for ctx.Err() == nil {
		id := t.another(object)
		for again := time.Now().Add(5 * time.Second); ctx.Err() == nil && time.Now().Before(again); {
			if t.worker.store.streamed(id) {
				return
			}
			t.commits(20 * time.Millisecond)
		}
	}
}

// another inserts a record, and what it must refer to if all of that is gone.
func (t *trial) another(object string) string {
	if object == "OrderItem" && t.org.Count("Order") == 0 {
		t.another("Order")
	}
	return t.org.Insert(object, t.values(object, true))
}

// divergence is how the data of a copy that is quiet differs from the org's.
type divergence string

func (d divergence) Error() string { return string(d) }

// settle waits until the copy is quiet, and says how it differs from the org
// then. A record inserted into each object shows that what came before has been
// applied: it may have come by a read, the second one must come by the stream.
func (t *trial) settle(patience time.Duration) error {
	if err := t.reconcile(patience); err != nil {
		return err
	}
	t.end()
	err := t.catches(patience, false)
	if err == nil {
		err = t.catches(patience, true)
	}
	if unheard := silent(""); errors.As(err, &unheard) { // as in streams; one that is deaf stays so
		err = t.catches(patience, true)
	}
	if err != nil {
		return err
	}
	t.worker.cancel()
	<-t.worker.ended
	// A record that is polled is read again by each pass for ten minutes after its
	// change, so the copy may have been stopped between a pass and its reads.
	if p := t.policy.polled; p != "" && len(t.worker.dirty(p)) > 0 {
		if err := t.worker.sync.CatchUp(t.Context()); err != nil {
			return err
		}
	}
	return t.inspect()
}

// catches inserts a record into each object and waits until the copy is quiet, and
// has heard of them by the stream if streamed.
func (t *trial) catches(patience time.Duration, streamed bool) error {
	last := map[string]string{}
	for _, object := range t.policy.objects() {
		last[object] = t.another(object)
		if !streamed || object == t.policy.polled {
			t.worker.store.hear(last[object], true)
		}
	}
	return t.quiet(patience, last)
}

// lasting is how long a copy without debts may differ: a call made while there
// was trouble may be waiting for its next try, and other histories for the same
// processors.
func (t *trial) lasting() time.Duration {
	if t.hunting { // it is what is waited for
		return 8 * time.Second
	}
	return 20 * time.Second
}

// quiet waits until the copy has neither debts nor differences.
func (t *trial) quiet(patience time.Duration, last map[string]string) error {
	var before error
	tick, since := time.NewTicker(20*time.Millisecond), time.Now()
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		debt, wrong := t.debt(), error(nil)
		if debt == "" {
			if wrong = t.wrong(last); wrong == nil {
				return nil
			}
		}
		if debt != "" || wrong != before {
			since, before = time.Now(), wrong
		}
		switch now := time.Now(); {
		case now.Sub(since) > t.lasting():
			return wrong
		case now.After(deadline):
			return fmt.Errorf("not quiet: %s, %v, %+v", debt, wrong, t.worker.sync.Status())
		}
	}
}

// debt says what the copy itself knows that it still owes, "" for nothing.
func (t *trial) debt() string {
	status := t.worker.sync.Status()
	if status.Phase != "running" || len(status.Waiting) > 0 {
		return status.Phase + ", and waits"
	}
	for _, object := range t.policy.objects() {
		switch {
		case status.Objects[object].Owed:
			return "a read of " + object
		case len(t.worker.dirty(object)) > 0:
			return "dirty rows of " + object
		}
	}
	return ""
}

// wrong says what a copy without debts lacks: the data of a record, the last
// ones among them, or merely the event of a last one.
func (t *trial) wrong(last map[string]string) error {
	var unheard string
	for _, object := range t.policy.objects() {
		id := last[object]
		if row := t.worker.row(object, id); row.Mark != store.Live || row.Stub() {
			return divergence("quiet, but the last " + object + " " + id + " is missing")
		}
		if !t.worker.store.streamed(id) {
			unheard = object + " " + id
		}
	}
	if d := t.worker.difference(); d != "" {
		return divergence("quiet, but " + d)
	}
	if unheard != "" {
		return silent("quiet, but the event of the last " + unheard + " is missing")
	}
	return nil
}

// silent says that a copy that is quiet no longer hears of its org.
type silent string

func (s silent) Error() string { return string(s) }

// inspect looks at the copy when nothing runs any more.
func (t *trial) inspect() error {
	r := t.worker.rig
	if d := r.difference(); d != "" {
		return divergence("once stopped: " + d)
	}
	if _, err := audit.Verify(t.Context(), r.rows); err != nil {
		return err
	}
	if d := r.misfiled(); d != "" {
		return divergence("misfiled: " + d)
	}
	aliases := r.aliases()
	one := func(p crypto.Person) crypto.Person { return cmp.Or(aliases[p], p) }
	for object, references := range map[string][]string{"Case": {"ContactId", "AccountId"}, "Order": {"BillToContactId", "AccountId"}} {
		if _, ok := t.policy.persons[object]; !ok {
			continue
		}
		for row, err := range r.rows.Rows(t.Context(), object) {
			t.must(err)
			if want := t.person(object, row.ID, references); row.Mark == store.Live && !want.IsZero() && one(row.Persons[0]) != one(want) {
				return divergence(fmt.Sprintf("%s %s is under another person than its %v", object, row.ID, references))
			}
		}
	}
	return nil
}

// person is that of the record which the first reference set leads to, zero if
// the copy does not have it.
func (t *trial) person(object, id string, references []string) (none crypto.Person) {
	record := t.org.Record(object, id)
	for i, name := range references {
		if record[name] == "" {
			continue
		}
		to := []string{"Contact", "Account"}[i]
		if _, ok := t.policy.persons[to]; !ok {
			return none
		}
		row := t.worker.row(to, record[name])
		if row.Mark != store.Live || row.Stub() {
			return none
		}
		return row.Persons[0]
	}
	return none
}
