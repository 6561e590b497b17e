package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/internal/recordid"
)

// perTransaction is how many rows the engine commits at once.
const perTransaction = 1000

// A sample is the fields that the policy keeps of an object, with values as
// long as those of the test org's people.
var samples = map[string][][2]string{
	"Contact": {{"CreatedDate", "2026-01-02T15:04:05.000Z"}, {"Loyalty_Tier__c", "Silver"}, {"FirstName", "Greta"}, {"LastName", "Castillo"},
		{"Email", "greta.castillo.1234@example.com"}, {"MobilePhone", "+12015550123"}, {"MailingStreet", "1234 Juniper Street"},
		{"MailingCity", "Springfield"}, {"MailingPostalCode", "62701"}},
	"Order": {{"OrderNumber", "00012345"}, {"Status", "Activated"}, {"EffectiveDate", "2026-01-02"}, {"TotalAmount", "1234.5"},
		{"BillingStreet", "1234 Juniper Street"}, {"BillingCity", "Springfield"}, {"ShippingStreet", "1234 Juniper Street"}, {"ShippingCity", "Springfield"}},
}

// database is a SQLite database that is as durable as the store, with a larger
// cache and none of the checks.
type database struct {
	*sqlite3.Conn
	err error // the first failure; nothing is done after it
}

func newDatabase(dir string) *database {
	d := &database{err: os.MkdirAll(dir, 0o700)}
	if d.err == nil {
		d.Conn, d.err = sqlite3.Open(filepath.Join(dir, "bare.db"))
	}
	d.run(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16000`)
	return d
}

func (d *database) run(sql string) {
	if d.err == nil {
		d.err = d.Exec(sql)
	}
}

func (d *database) prepare(sql string) (s *sqlite3.Stmt) {
	if d.err == nil {
		s, _, d.err = d.Prepare(sql)
	}
	return s
}

// do executes a statement with a record's id, a number that differs each time,
// and texts.
func (d *database) do(s *sqlite3.Stmt, id string, n int, texts ...string) {
	if d.err != nil {
		return
	}
	err := s.BindText(1, id)
	if err == nil {
		err = s.BindInt(2, n)
	}
	for i, text := range texts {
		if err == nil {
			err = s.BindText(3+i, text)
		}
	}
	if err == nil {
		err = s.Exec()
	}
	d.err = err
}

func (d *database) close() error {
	if d.Conn != nil {
		d.Conn.Close()
	}
	return d.err
}

// transactions calls do for 0 to n-1, a thousand to a commit, and measures.
func (d *database) transactions(n int, do func(i int)) work {
	start, cpu := time.Now(), cpuTime()
	for i := 0; i < n && d.err == nil; i++ {
		if i%perTransaction == 0 {
			d.run(`BEGIN IMMEDIATE`)
		}
		do(i)
		if i%perTransaction == perTransaction-1 || i == n-1 {
			d.run(`COMMIT`)
		}
	}
	return work{Rows: n, Elapsed: time.Since(start), CPU: cpuTime() - cpu}
}

// fill creates an object's table and inserts n rows.
func (d *database) fill(object string, n int) work {
	var names, texts []string
	for _, field := range samples[object] {
		names, texts = append(names, field[0]), append(texts, field[1])
	}
	d.run(fmt.Sprintf(`CREATE TABLE sf_%s (Id TEXT NOT NULL PRIMARY KEY, seq INTEGER, %s)`, object, strings.Join(names, ", ")))
	s := d.prepare(fmt.Sprintf(`INSERT INTO sf_%s VALUES (?, ?%s)`, object, strings.Repeat(", ?", len(names))))
	return d.transactions(n, func(i int) { d.do(s, recordID(i), 0, texts...) })
}

func recordID(i int) string {
	id, _ := recordid.Normalize(fmt.Sprintf("003%012d", i))
	return id
}

// inserted is the bare limit of a first read of n contacts.
func inserted(dir string, n int) (work, error) {
	d := newDatabase(dir)
	w := d.fill("Contact", n)
	return w, d.close()
}

// updated is the bare limit of a stream: n updates, of some records of the rows
// held in turn, a transaction of each object after the other.
func updated(dir string, held, records, n int) (work, error) {
	d := newDatabase(dir)
	d.fill("Contact", held)
	d.fill("Order", held)
	statements := []*sqlite3.Stmt{
		d.prepare(`UPDATE sf_Contact SET seq = ?2, MailingCity = ?3, MobilePhone = ?4 WHERE Id = ?1`),
		d.prepare(`UPDATE sf_Order SET seq = ?2, Status = ?3, ShippingCity = ?4 WHERE Id = ?1`),
	}
	texts := [][]string{{"Springfield", "+12015550123"}, {"Activated", "Springfield"}}
	ids := make([]string, records)
	for i, k := range rand.Perm(held)[:records] {
		ids[i] = recordID(k)
	}
	w := d.transactions(n, func(i int) {
		batch := i / perTransaction
		object, at := batch%2, batch/2*perTransaction+i%perTransaction
		d.do(statements[object], ids[at%records], i, texts[object]...)
	})
	return w, d.close()
}
