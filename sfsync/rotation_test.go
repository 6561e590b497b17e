package sfsync_test

import (
	"context"
	"crypto/sha256"
	"maps"
	"path/filepath"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// sealedRow is a record as the org has it, and what is sealed of it in its row.
type sealedRow struct {
	record map[string]string
	sealed [sha256.Size]byte
}

// sealedRows are those of all live rows, by id.
func (r *rig) sealedRows() map[string]sealedRow {
	r.Helper()
	rows := map[string]sealedRow{}
	for _, object := range r.policy.ObjectNames() {
		table, err := r.rows.Table(r.Context(), object)
		r.must(err)
		records := maps.Collect(r.org.Records(object))
		for row, err := range r.rows.Rows(r.Context(), object) {
			r.must(err)
			hash := sha256.New()
			for i, cell := range row.Cells {
				if table.Columns[i].Sealed {
					hash.Write(append(cell.Bytes, '|'))
				}
			}
			if row.Mark == store.Live {
				rows[row.ID] = sealedRow{records[row.ID], [sha256.Size]byte(hash.Sum(nil))}
			}
		}
	}
	return rows
}

// operator is another process that exchanges keys.
type operator struct {
	*rig
	vault *crypto.Vault
}

// exchangeBranch makes a branch keyset and destroys the one before.
func (o operator) exchangeBranch(version int) {
	o.Helper()
	o.applied(20)
	o.must(o.vault.RotateBranch(o.Context()))
	o.applied(20)
	for _, err := range o.vault.RewrapKeys(o.Context()) {
		o.must(err)
	}
	o.await("the end of a branch keyset", func() bool {
		err := o.vault.DestroyBranch(o.Context(), version)
		if fault.CodeOf(err) == fault.StoreBusy {
			return false
		}
		o.must(err)
		return true
	})
	o.applied(20)
}

// applied waits until the run has written so many rows more.
func (o operator) applied(n int64) {
	o.Helper()
	before := o.sync.Status().Applied
	o.await("more changes", func() bool { return o.sync.Status().Applied >= before+n })
}

// TestRotateBesideRun: another process exchanges the branch key, the
// key-encryption key and the branch key again, while a run follows an org that
// changes. Nothing is lost, and what is sealed of records that did not change
// stays as it is, byte for byte.
func TestRotateBesideRun(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{Records: 200}), t.TempDir()
	r := open(t, org, dir, shopPolicy)
	before, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	r.must(err)
	next, err := filekek.Open(filepath.Join(dir, "secret", "next.json"))
	r.must(err)
	both := crypto.Succession(next, before)
	r.use(r.keys, both) // by which the index keysets are under the next already
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	was := r.sealedRows()

	keys, err := sqlite.OpenKeys(t.Context(), r.keys.Path())
	r.must(err)
	defer keys.Close()
	vault, err := crypto.OpenVault(t.Context(), keys, both, org.OrgID())
	r.must(err)
	defer vault.Close()
	calm, churned := churn(t, org)
	defer calm()
	o := operator{r, vault}
	o.exchangeBranch(1)
	r.must(vault.RotateKEK(t.Context(), next))
	o.exchangeBranch(2)
	calm()
	r.must(<-churned)
	r.await("the copy of what changed meanwhile", r.equal)
	r.must(stop())

	r.use(r.keys, next) // alone
	if d := r.difference(); d != "" {
		t.Error(d)
	}
	same := 0
	for id, now := range r.sealedRows() {
		if old, ok := was[id]; ok && maps.Equal(old.record, now.record) {
			same++
			if old.sealed != now.sealed {
				t.Errorf("%s was sealed anew, and did not change", id)
			}
		}
	}
	if same == 0 || same == len(was) {
		t.Errorf("%d of %d records did not change", same, len(was))
	}
}

// churn changes the org until it is told to be calm, and then tells how it went.
func churn(t *testing.T, org *salesforcetest.Org) (calm func(), ended <-chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- org.Churn(ctx, 100) }()
	return cancel, done
}
