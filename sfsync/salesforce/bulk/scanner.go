package bulk

import (
	"bytes"
	"io"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Bounds on what a page may ask of memory. A character takes at most four
// bytes of UTF-8; a quote, which CSV doubles, takes two, so that the bounds hold
// for the bytes as sent.
const (
	// A field holds at most 131,072 characters (Bulk API 2.0 limits).
	maxCell = 131_072 * 4
	// The long text areas of an object hold 1,638,400 characters in all
	// (custom field limits), and all other fields fit in what is left.
	maxRow = 8 << 20
	// A record has at most 5,000 fields (Bulk API 2.0 limits).
	maxCells = 5_000
	// Large enough that a row rarely crosses two reads, small enough for a
	// second-level cache.
	startBuffer = 128 << 10
)

// scanner reads CSV as Bulk API 2.0 writes it: rows of one width, every cell
// quoted, quotes doubled. Cells that need no quotes may go without.
//
// It differs from encoding/csv in two ways that matter here: a "\r\n" inside a
// quoted cell stays as it is, so that the text equals that of REST, and a row
// costs no allocation.
type scanner struct {
	src       io.Reader
	delimiter byte
	err       error // from src, once it has one

	buf   []byte
	r, w  int // buf[r:w] is read and not yet scanned
	width int // cells a row, known after the first

	cells   [][]byte // of the current row, in buf
	escaped []int    // which of them hold doubled quotes
}

func newScanner(src io.Reader, delimiter byte) *scanner {
	return &scanner{src: src, delimiter: delimiter}
}

// next returns the cells of the next row, valid until the call after, or io.EOF.
// Blank lines are no rows: even a single empty cell is written as two quotes.
func (s *scanner) next() ([][]byte, error) {
	for {
		n, err := s.scan(s.buf[s.r:s.w])
		switch {
		case err != nil:
			return nil, err
		case n > 0 && len(s.cells) == 0:
			s.r += n
		case n > 0:
			s.r += n
			return s.row()
		case s.err == nil:
			if err := s.fill(); err != nil {
				return nil, err
			}
		case s.r == s.w || s.err != io.EOF:
			return nil, s.ended()
		default:
			return nil, fault.New(fault.ResponseInvalid, "bulk.Rows",
				"the page ends inside a row; read it again from its locator")
		}
	}
}

// scan splits the first row of data into cells and returns its length with the
// line end; 0 asks for more data. Nothing in data is changed, so that a row cut
// by the end of the buffer is scanned again from its start.
func (s *scanner) scan(data []byte) (int, error) {
	s.cells, s.escaped = s.cells[:0], s.escaped[:0]
	if n := lineEnd(data); n > 0 {
		return n, nil
	}
	for i := 0; i < len(data); {
		cell, end := s.cell(data, i)
		if end < 0 {
			return 0, nil
		}
		i = end
		if len(cell) > maxCell || len(s.cells) == maxCells {
			return 0, fault.New(fault.TooLarge, "bulk.Rows",
				"a cell or row exceeds the limits of Bulk API 2.0; check that the page comes from Salesforce")
		}
		s.cells = append(s.cells, cell)
		switch {
		case i == len(data):
			return s.last(i)
		case data[i] == s.delimiter:
			if i++; i == len(data) && s.err == io.EOF {
				s.cells = append(s.cells, nil)
				return i, nil
			}
		case data[i] == '\n':
			return i + 1, nil
		case data[i] == '\r' && i+1 == len(data):
			return s.last(i)
		case data[i] == '\r' && data[i+1] == '\n':
			return i + 2, nil
		default:
			return 0, malformed()
		}
	}
	return 0, nil
}

// cell returns the cell at start, without its quotes, and the index behind it;
// -1 asks for more data.
func (s *scanner) cell(data []byte, start int) ([]byte, int) {
	if data[start] != '"' {
		end := s.bare(data, start)
		return data[start:end], end
	}
	end, doubled := quoted(data, start+1)
	if end < 0 {
		return nil, -1
	}
	if doubled {
		s.escaped = append(s.escaped, len(s.cells))
	}
	return data[start+1 : end-1], end
}

// quoted returns the index behind the quote that ends the cell at start, and
// whether the cell holds doubled quotes. It returns -1 to ask for more data.
func quoted(data []byte, start int) (end int, doubled bool) {
	for i := start; ; i++ {
		q := bytes.IndexByte(data[i:], '"')
		if q < 0 {
			return -1, false
		}
		if i += q + 1; i == len(data) || data[i] != '"' {
			return i, doubled
		}
		doubled = true
	}
}

// bare returns the index of the byte that ends the cell without quotes at start.
func (s *scanner) bare(data []byte, start int) int {
	for i := start; i < len(data); i++ {
		switch data[i] {
		case s.delimiter, '\n', '\r', '"':
			return i
		}
	}
	return len(data)
}

// last ends a row whose cells end with the data: complete when the source has
// ended, as the last line may lack its line end.
func (s *scanner) last(n int) (int, error) {
	switch {
	case s.err == nil:
		return 0, nil
	case s.err != io.EOF:
		return 0, s.ended()
	case n < s.w-s.r:
		return 0, malformed() // a lone "\r"
	}
	return n, nil
}

// row checks the width of the scanned row and undoubles its quotes, in place.
func (s *scanner) row() ([][]byte, error) {
	if s.width == 0 {
		s.width = len(s.cells)
	}
	if len(s.cells) != s.width {
		return nil, fault.New(fault.PayloadInvalid, "bulk.Rows",
			"a row has more or fewer cells than the header; read the page again, and report it if it stays")
	}
	for _, i := range s.escaped {
		s.cells[i] = undouble(s.cells[i])
	}
	return s.cells, nil
}

func undouble(cell []byte) []byte {
	w := 0
	for r := 0; ; r++ {
		q := bytes.IndexByte(cell[r:], '"')
		if q < 0 {
			return cell[:w+copy(cell[w:], cell[r:])]
		}
		w += copy(cell[w:], cell[r:r+q+1])
		r += q + 1 // at the second quote of the pair, which the loop passes
	}
}

// fill makes room and reads until the buffer is full or the source has ended. A
// full buffer keeps the cost of scanning a cut row again within that of reading.
func (s *scanner) fill() error {
	switch {
	case s.buf == nil:
		s.buf = make([]byte, startBuffer)
	case s.r > 0:
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
	case len(s.buf) >= maxRow:
		return fault.New(fault.TooLarge, "bulk.Rows",
			"a row exceeds 8 MiB; check that the page comes from Salesforce")
	default:
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for idle := 0; s.w < len(s.buf) && s.err == nil; idle++ {
		n, err := s.src.Read(s.buf[s.w:])
		if s.w += n; n > 0 {
			idle = 0
		}
		if s.err = err; err == nil && idle == 100 {
			s.err = io.ErrNoProgress
		}
	}
	return nil
}

// ended is what the source ended with: io.EOF, or what cut it short.
func (s *scanner) ended() error {
	if s.err == io.EOF {
		return io.EOF
	}
	return fault.Wrap(s.err, fault.Truncated, "bulk.Rows",
		"the page broke off before its end; read it again from its locator")
}

func lineEnd(data []byte) int {
	switch {
	case len(data) > 0 && data[0] == '\n':
		return 1
	case len(data) > 1 && data[0] == '\r' && data[1] == '\n':
		return 2
	}
	return 0
}

func malformed() error {
	return fault.New(fault.PayloadInvalid, "bulk.Rows",
		"a cell is not quoted as CSV requires; read the page again, and report it if it stays")
}
