package bulk_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
)

func scan(src io.Reader, delimiter byte) (rows [][]string, err error) {
	for row, err := range bulk.ScanCSV(src, delimiter) {
		if err != nil {
			return rows, err
		}
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = string(cell)
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

// Each text is read whole, byte by byte, and cut by an error at its end, since
// a row that crosses two reads takes another way through the scanner.
func TestScannerRows(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300<<10)
	for _, c := range []struct {
		name, text string
		delimiter  byte
		want       [][]string
	}{
		{"nothing", "", ',', nil},
		{"header alone", "\"Id\",\"Name\"\n", ',', [][]string{{"Id", "Name"}}},
		{"empty cells", "\"a\",\"b\"\n\"\",\"\"\n", ',', [][]string{{"a", "b"}, {"", ""}}},
		{"one empty cell", "\"a\"\n\"\"\n", ',', [][]string{{"a"}, {""}}},
		{"doubled quotes", "\"a\"\n\"\"\"x\"\" \"\"\"\"y\"\n", ',', [][]string{{"a"}, {`"x" ""y`}}},
		{"only quotes", "\"\"\"\"\"\"\n", ',', [][]string{{`""`}}},
		{"delimiter in quotes", "\"a,b\",\"c\"\n", ',', [][]string{{"a,b", "c"}}},
		{"LF in quotes", "\"a\nb\"\n", ',', [][]string{{"a\nb"}}},
		{"CRLF in quotes stays", "\"a\r\nb\"\n", ',', [][]string{{"a\r\nb"}}},
		{"CR in quotes stays", "\"a\rb\r\"\n", ',', [][]string{{"a\rb\r"}}},
		{"CRLF line ends", "\"a\",\"b\"\r\n\"1\",\"2\"\r\n", ',', [][]string{{"a", "b"}, {"1", "2"}}},
		{"last line without end", "\"a\"\n\"b\"", ',', [][]string{{"a"}, {"b"}}},
		{"last cell empty without end", "a,b\nc,", ',', [][]string{{"a", "b"}, {"c", ""}}},
		{"without quotes", "a,,b\n,,\n", ',', [][]string{{"a", "", "b"}, {"", "", ""}}},
		{"blank lines", "\n\"a\"\n\r\n\n\"b\"\n\n", ',', [][]string{{"a"}, {"b"}}},
		{"spaces stay", "\" a \", b \n", ',', [][]string{{" a ", " b "}}},
		{"tab", "\"a\"\t\"b,c\"\n", '\t', [][]string{{"a", "b,c"}}},
		{"pipe", "\"a\"|\"b\"\n", '|', [][]string{{"a", "b"}}},
		{"semicolon", "\"a\";\"b\"\n", ';', [][]string{{"a", "b"}}},
		{"caret", "\"a\"^\"b\"\n", '^', [][]string{{"a", "b"}}},
		{"backquote", "\"a\"`\"b\"\n", '`', [][]string{{"a", "b"}}},
		{"a row larger than the buffer", "\"" + long + "\",\"b\"\n\"c\",\"" + long + "\"\n", ',',
			[][]string{{long, "b"}, {"c", long}}},
		{"bytes that are no UTF-8", "\"\xff\x00\"\n", ',', [][]string{{"\xff\x00"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, src := range map[string]io.Reader{
				"whole":       strings.NewReader(c.text),
				"by the byte": iotest.OneByteReader(strings.NewReader(c.text)),
				"data at end": iotest.DataErrReader(strings.NewReader(c.text)),
			} {
				got, err := scan(src, c.delimiter)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("%s: rows differ (-want +got):\n%s", name, d)
				}
			}
		})
	}
}

func TestScannerRefuses(t *testing.T) {
	t.Parallel()
	header := "\"a\",\"b\"\n"
	broken := func(text string) io.Reader {
		return io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))
	}
	for _, c := range []struct {
		name string
		src  io.Reader
		rows int // delivered before the fault
		want fault.Code
	}{
		{"too few cells", strings.NewReader(header + "\"1\"\n"), 1, fault.PayloadInvalid},
		{"too many cells", strings.NewReader(header + "\"1\",\"2\",\"3\"\n"), 1, fault.PayloadInvalid},
		{"quote in a bare cell", strings.NewReader(header + "x\"y,2\n"), 1, fault.PayloadInvalid},
		{"text behind a quote", strings.NewReader(header + "\"1\"x,\"2\"\n"), 1, fault.PayloadInvalid},
		{"space before a quote", strings.NewReader(header + " \"1\",\"2\"\n"), 1, fault.PayloadInvalid},
		{"lone CR as line end", strings.NewReader(header + "\"1\",\"2\"\r\"3\",\"4\"\r"), 1, fault.PayloadInvalid},
		{"lone CR at the end", strings.NewReader(header + "\"1\",\"2\"\r"), 1, fault.PayloadInvalid},
		{"end inside quotes", strings.NewReader(header + "\"1\",\"2"), 1, fault.ResponseInvalid},
		{"end behind a delimiter, in quotes", strings.NewReader(header + "\"1,"), 1, fault.ResponseInvalid},
		{"broken between rows", broken(header + "\"1\",\"2\"\n"), 2, fault.Truncated},
		{"broken where a row could end", broken(header + "\"1\",\"2\""), 1, fault.Truncated},
		{"broken in quotes", broken(header + "\"1\",\"2"), 1, fault.Truncated},
		{"broken before anything", broken(""), 0, fault.Truncated},
		{"timed out", io.MultiReader(strings.NewReader(header), iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("\"1\"")))), 1, fault.Truncated},
		{"a cell too large", strings.NewReader(header + "\"" + strings.Repeat("x", bulk.MaxCell+1) + "\",\"\"\n"), 1, fault.TooLarge},
		{"a row without end", io.MultiReader(strings.NewReader(header+"\""), endless{}), 1, fault.TooLarge},
		{"too many columns", strings.NewReader(strings.Repeat("\"\",", 6000) + "\"\"\n"), 0, fault.TooLarge},
		{"a reader that never reads", io.MultiReader(strings.NewReader(header), stuck{}), 1, fault.Truncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rows, err := scan(c.src, ',')
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want code %s", err, c.want)
			}
			if len(rows) != c.rows {
				t.Errorf("%d rows before the fault, want %d", len(rows), c.rows)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestScannerKeepsCellsUntilNextRow(t *testing.T) {
	text := strings.Repeat("\"abc\",\"d\"\"e\",\"\"\n", 40_000)
	n := 0
	allocs := testing.AllocsPerRun(1, func() {
		for row, err := range bulk.ScanCSV(strings.NewReader(text), ',') {
			if err != nil {
				t.Fatal(err)
			}
			if string(row[0]) != "abc" || string(row[1]) != `d"e` || len(row[2]) != 0 {
				t.Fatalf("row %d is %q", n, row)
			}
			n++
		}
	})
	if n != 80_000 {
		t.Errorf("%d rows in two runs, want 80,000", n)
	}
	if allocs > 12 {
		t.Errorf("%v allocations for 40,000 rows, want those of the buffers alone", allocs)
	}
}

// encoding/csv is the oracle: what the scanner accepts, it accepts too, with the
// same cells except for "\r\n" in quotes, which it turns to "\n"; and what it
// accepts, the scanner accepts, except for a lone "\r" outside quotes.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		"", "\"Id\",\"Name\"\n\"1\",\"x\"\"y\"\n", "a,b\r\n1,2\r\n", "\"a\r\nb\"\n", "a\n\nb", "\"a", "a\"b\n",
		"a,b\nc\n", "\"a\"b", "\r", "a,\n,b", "\"\"\"\"", "a\r\nb\rc\n", ",",
	} {
		f.Add([]byte(seed), byte(0))
	}
	f.Fuzz(func(t *testing.T, text []byte, pick byte) {
		delimiter := ",;|^`\t"[int(pick)%6]
		oracle := csv.NewReader(bytes.NewReader(text))
		oracle.Comma = rune(delimiter)
		want, wantErr := oracle.ReadAll()
		got, err := scan(iotest.HalfReader(bytes.NewReader(text)), delimiter)
		if err != nil {
			if wantErr == nil && !bytes.ContainsRune(text, '\r') {
				t.Fatalf("refused what encoding/csv accepts: %v", err)
			}
			return
		}
		if wantErr != nil {
			t.Fatalf("accepted what encoding/csv refuses: %v", wantErr)
		}
		for _, row := range got {
			for i := range row {
				row[i] = strings.ReplaceAll(row[i], "\r\n", "\n")
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("rows differ (-encoding/csv +scanner):\n%s", d)
		}
	})
}

// contacts is the CSV of ten cells a row as Bulk writes it: every cell quoted,
// one in twenty rows with a doubled quote.
func contacts(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("\"Id\",\"SystemModstamp\",\"AccountId\",\"FirstName\",\"LastName\",\"Email\",\"MailingStreet\",\"MailingCity\",\"MobilePhone\",\"Description\"\n")
	for i := range rows {
		b.WriteString("\"003xx000004TmiQAAS\",\"2026-01-02T03:04:05.000Z\",\"001xx000003DGb2AAG\",\"Maria\",\"Anders\",\"maria.anders@example.com\",\"57 Obere Street\nSuite 12\",\"Springfield\",\"+1 555-0100\",")
		if i%20 == 0 {
			b.WriteString("\"called \"\"Mia\"\", prefers e-mail in the morning and a call after five\"\n")
		} else {
			b.WriteString("\"\"\n")
		}
	}
	return b.Bytes()
}

func BenchmarkScanner(b *testing.B) {
	text := contacts(20_000)
	b.Run("scanner", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			for _, err := range bulk.ScanCSV(bytes.NewReader(text), ',') {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("encoding-csv", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			r := csv.NewReader(bytes.NewReader(text))
			r.ReuseRecord = true
			for {
				if _, err := r.Read(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
