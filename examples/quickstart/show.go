package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/access"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// showDisk prints one row as whoever steals the database would see it.
func (q *quickstart) showDisk(ctx context.Context) error {
	table, err := q.rows.Table(ctx, "Contact")
	if err != nil {
		return err
	}
	q.say("5. What lies on disk: one row of sf_contact in data/crm.db")
	for row, err := range q.rows.Rows(ctx, "Contact") {
		if err != nil {
			return err
		}
		if row.Mark != store.Live {
			continue
		}
		q.customer = row.ID
		for i, cell := range row.Cells {
			q.say("   %-18s %s", table.Columns[i].Name, onDisk(table.Columns[i], cell))
		}
		break
	}
	q.say("")
	return nil
}

func onDisk(c store.Column, cell store.Cell) string {
	switch {
	case cell.State == store.Unset:
		return "(not known)"
	case cell.State == store.Null:
		return "(empty)"
	case c.Sealed:
		return fmt.Sprintf("% x… (sealed, %d bytes)", cell.Bytes[:12], len(cell.Bytes))
	}
	return string(cell.Bytes)
}

// reveal opens a few fields of one customer through the Guard, then is refused
// others.
func (q *quickstart) reveal(ctx context.Context) error {
	q.say("6. One customer, revealed for a purpose")
	if q.customer == "" {
		q.say("   there is no customer in this org; try -records 100\n")
		return nil
	}
	guard, err := access.New(access.Config{Vault: q.vault, Reader: q.rows, Ledger: q.rows, Policy: q.policy,
		Grants: []access.Grant{{Actor: "billing", Purposes: []string{"fulfilment"},
			Objects: map[string][]string{"Contact": {"FirstName", "LastName", "MailingCity"}}}}})
	if err != nil {
		return err
	}
	ask := access.Request{Actor: "billing", Purpose: "fulfilment", Reason: "reprint an invoice",
		Object: "Contact", Record: q.customer, Fields: []string{"FirstName", "LastName", "MailingCity"}}
	customer, err := guard.Reveal(ctx, ask)
	if err != nil {
		return err
	}
	q.say("   billing, for fulfilment: %s", strings.Join(texts(customer), " "))
	ask.Fields = []string{"Email"}
	if _, err := guard.Reveal(ctx, ask); err != nil {
		q.say("   and its e-mail address: %v", err)
	}
	q.say("")
	return nil
}

func texts(r access.Revealed) (list []string) {
	for _, field := range r.Fields() {
		text, _ := r.Get(field)
		list = append(list, text)
	}
	return list
}

// verify checks the ledger's chain, and names what is weaker here than it
// should be.
func (q *quickstart) verify(ctx context.Context) error {
	head, err := audit.Verify(ctx, q.rows)
	if err != nil {
		return err
	}
	q.say("7. The ledger: %d entries, each chained to the one before; the chain holds", head.Seq)
	for stored, err := range q.rows.Entries(ctx, head.Seq-3) {
		if err != nil {
			return err
		}
		q.say("   %s", stored.Entry.Canonical())
	}
	q.say("\n8. Exposures of this set-up")
	for _, exposure := range q.vault.Exposures() {
		q.say("   - %s", exposure)
	}
	q.say("")
	return nil
}

func (q *quickstart) pointAtYourOrg() {
	q.say("9. Your own org: README.md, \"A real org\", then")
	q.say("   SFSYNC_LOGIN_URL=https://YOURDOMAIN.my.salesforce.com SFSYNC_ORG_ID=00D… SFSYNC_CONSUMER_KEY=… \\")
	q.say("   SFSYNC_USERNAME=… SFSYNC_JWT_KEY_FILE=key.pem SFSYNC_POLICY=policy.yaml go run ./examples/job -plan")
	if q.kept {
		dir, err := filepath.Abs(q.dir)
		if err != nil {
			dir = q.dir
		}
		q.say("\nKept in %s; look with: sqlite3 %s 'SELECT * FROM sf_contact LIMIT 3'", dir, filepath.Join(dir, "data", "crm.db"))
		return
	}
	q.say("\nNothing was kept. With -dir DIR org, copy and keys stay, and a second run resumes.")
}
