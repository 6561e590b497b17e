package bulk

import (
	"io"
	"iter"
)

// MaxCell is the bound on the bytes of one cell.
const MaxCell = maxCell

// ScanCSV yields the rows of src as a page would.
func ScanCSV(src io.Reader, delimiter byte) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		s := newScanner(src, delimiter)
		for {
			row, err := s.next()
			if err == io.EOF {
				return
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
