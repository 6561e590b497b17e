package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// The benchmarks write rows of three plain and seven sealed fields, about 600
// bytes, in transactions of 1,000; an update sets three fields of a random one
// of 50,000 rows. "bare" is the same SQL in a loop over prepared statements,
// without any of the checks.

const (
	perBatch = 1000
	held     = 50_000
)

func wide() store.Schema {
	t := store.Table{Object: "Contact", Topic: "t", Rules: []string{"Id"}}
	for i := range 10 {
		t.Columns = append(t.Columns, store.Column{Name: fmt.Sprintf("F%d__c", i), Sealed: i >= 3})
	}
	return store.Schema{Org: "00DDp000000J5TeMAK", Policy: 1, Hash: "h", Tables: []store.Table{t}}
}

func recordID(i int) string {
	id, _ := recordid.Normalize(fmt.Sprintf("003Dp0%09d", i))
	return id
}

// cells are ten cells, of which those for which set is true hold something.
func cells(set func(i int) bool) []store.Cell {
	random := rand.NewChaCha8([32]byte{})
	c := make([]store.Cell, 10)
	for i := range c {
		switch {
		case !set(i):
		case i < 3:
			c[i] = store.Cell{State: store.Value, Bytes: []byte("2026-01-02T15:04:05.000Z")}
		default:
			c[i] = store.Cell{State: store.Value, Bytes: make([]byte, 65)}
			random.Read(c[i].Bytes)
		}
	}
	return c
}

// writer writes batches of Contact rows.
type writer struct {
	*sqlite.Store
	state store.State
	n     int64
}

func newWriter(t testing.TB, path string) *writer {
	s := open(t, path)
	t.Cleanup(func() { s.Close() })
	state, err := s.Prepare(t.Context(), wide())
	if err != nil {
		t.Fatal(err)
	}
	return &writer{s, state, state.Objects["Contact"].N}
}

func (w *writer) write(t testing.TB, rows []store.Row) {
	b := store.Batch{Epoch: w.state.Epoch, Policy: 1, Objects: []store.ObjectBatch{{Object: "Contact", N: w.n, Rows: rows}}}
	if err := w.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	w.n++
}

// fill inserts rows from number on.
func (w *writer) fill(t testing.TB, from, n int, c []store.Cell) {
	rows := make([]store.Row, perBatch)
	for ; n > 0; n -= perBatch {
		for i := range rows {
			rows[i] = store.Row{ID: recordID(from), Persons: []crypto.Person{{15: 1}}, Key: 1, Mark: store.Live, Cells: c}
			from++
		}
		w.write(t, rows)
	}
}

func BenchmarkApply(b *testing.B) {
	all := cells(func(int) bool { return true })
	some := cells(func(i int) bool { return i == 0 || i == 4 || i == 5 })

	b.Run("insert", func(b *testing.B) {
		w := newWriter(b, filepath.Join(b.TempDir(), "rows.db"))
		b.ReportAllocs()
		from := 0
		for b.Loop() {
			w.fill(b, from, perBatch, all)
			from += perBatch
		}
		rate(b)
	})
	b.Run("insert/bare", func(b *testing.B) {
		c := bare(b)
		b.ReportAllocs()
		from := 0
		for b.Loop() {
			c.insert(b, from, all)
			from += perBatch
		}
		rate(b)
	})
	b.Run("update", func(b *testing.B) {
		w := newWriter(b, filepath.Join(b.TempDir(), "rows.db"))
		w.fill(b, 0, held, all)
		ids := make([]string, perBatch)
		rows := make([]store.Row, perBatch)
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			for i, k := range rand.Perm(held)[:perBatch] {
				ids[i] = recordID(k)
			}
			loaded, err := w.Load(b.Context(), "Contact", ids)
			if err != nil {
				b.Fatal(err)
			}
			for i := range rows {
				rows[i] = loaded[i]
				rows[i].Patch, rows[i].Evented, rows[i].Cells = true, true, some
			}
			b.StartTimer()
			w.write(b, rows)
		}
		rate(b)
	})
	b.Run("update/bare", func(b *testing.B) {
		c := bare(b)
		for from := 0; from < held; from += perBatch {
			c.insert(b, from, all)
		}
		b.ReportAllocs()
		for n := int64(held / perBatch); b.Loop(); n++ {
			c.update(b, n, rand.Perm(held)[:perBatch], some)
		}
		rate(b)
	})
}

func BenchmarkLoad(b *testing.B) {
	w := newWriter(b, filepath.Join(b.TempDir(), "rows.db"))
	w.fill(b, 0, held, cells(func(int) bool { return true }))
	ids := make([]string, perBatch)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i, k := range rand.Perm(held)[:perBatch] {
			ids[i] = recordID(k)
		}
		w.write(b, nil) // as in a stream, something was committed since the last one
		b.StartTimer()
		if _, err := w.Load(b.Context(), "Contact", ids); err != nil {
			b.Fatal(err)
		}
	}
	rate(b)
}

func rate(b *testing.B) {
	b.ReportMetric(float64(b.N*perBatch)/b.Elapsed().Seconds(), "rows/s")
}

// loop is the bare limit: two prepared statements.
type loop struct {
	*sqlite3.Conn
	ins, upd *sqlite3.Stmt
}

func bare(b *testing.B) loop {
	c, err := sqlite3.Open(filepath.Join(b.TempDir(), "bare.db"))
	must(b, err)
	b.Cleanup(func() { c.Close() })
	must(b, c.Exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16000;
		CREATE TABLE t (Id TEXT NOT NULL PRIMARY KEY, p BLOB, k INTEGER, seq INTEGER, a, b, c, d, e, f, g, h, i, j)`))
	ins, _, err := c.Prepare(`INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	must(b, err)
	upd, _, err := c.Prepare(`UPDATE t SET p = ?2, k = ?3, seq = ?4, a = ?5, e = ?6, f = ?7 WHERE Id = ?1`)
	must(b, err)
	return loop{c, ins, upd}
}

func (c loop) insert(b *testing.B, from int, cells []store.Cell) {
	must(b, c.Exec(`BEGIN IMMEDIATE`))
	for i := range perBatch {
		must(b, c.ins.BindText(1, recordID(from+i)))
		must(b, c.ins.BindBlob(2, make([]byte, 16)))
		must(b, c.ins.BindInt64(3, 1))
		must(b, c.ins.BindInt64(4, 1))
		for j, cell := range cells {
			bindBare(b, c.ins, 5+j, j, cell)
		}
		must(b, c.ins.Exec())
	}
	must(b, c.Exec(`COMMIT`))
}

// update writes n into every row, as SQLite leaves a row alone that does not
// change.
func (c loop) update(b *testing.B, n int64, ids []int, cells []store.Cell) {
	must(b, c.Exec(`BEGIN IMMEDIATE`))
	for _, id := range ids {
		must(b, c.upd.BindText(1, recordID(id)))
		must(b, c.upd.BindBlob(2, make([]byte, 16)))
		must(b, c.upd.BindInt64(3, 1))
		must(b, c.upd.BindInt64(4, n))
		for param, j := range []int{0, 4, 5} {
			bindBare(b, c.upd, 5+param, j, cells[j])
		}
		must(b, c.upd.Exec())
	}
	must(b, c.Exec(`COMMIT`))
}

func bindBare(b *testing.B, s *sqlite3.Stmt, param, j int, cell store.Cell) {
	if j < 3 {
		must(b, s.BindText(param, string(cell.Bytes)))
		return
	}
	must(b, s.BindBlob(param, cell.Bytes))
}

func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// A million rows cost no more memory than a tenth of them. The smaller number
// runs first, as the kernel only tells the most the process ever had.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				w := newWriter(b, filepath.Join(b.TempDir(), "rows.db"))
				w.fill(b, 0, n, cells(func(int) bool { return true }))
				w.Close()
				b.ReportMetric(peak(b), "MB")
			}
		})
	}
}

func peak(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("only Linux tells a process its peak memory")
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
