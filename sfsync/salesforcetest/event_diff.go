package salesforcetest

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// unifiedDiff is the form in which a changed long text may be sent (Change
// Data Capture Developer Guide, "Send Data Differences for Fields of Updated
// Records"): a unified diff whose header carries the SHA-256 of the new text.
// It returns false where the rules have the whole text sent: below 1,000
// characters, more than half as long or as short again, more than a quarter of
// the lines changed, or a diff longer than the text.
func unifiedDiff(before, after string) (string, bool) {
	if len(before) < 1000 || len(after) < 1000 || 2*max(len(before)-len(after), len(after)-len(before)) > len(before) {
		return "", false
	}
	from, to := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	head := commonHead(from, to)
	tail := commonTail(from[head:], to[head:])
	gone, come := from[head:len(from)-tail], to[head:len(to)-tail]
	if 4*max(len(gone), len(come)) > len(from) {
		return "", false
	}
	const context = 3
	start := max(0, head-context)
	end := min(tail, context)
	var b strings.Builder
	fmt.Fprintf(&b, "--- \n+++ %x\n", sha256.Sum256([]byte(after)))
	fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", start+1, len(from)-tail+end-start, start+1, len(to)-tail+end-start)
	writeLines(&b, " ", from[start:head])
	writeLines(&b, "-", gone)
	writeLines(&b, "+", come)
	writeLines(&b, " ", from[len(from)-tail:len(from)-tail+end])
	return b.String(), b.Len() <= len(after)
}

func writeLines(b *strings.Builder, mark string, lines []string) {
	for _, line := range lines {
		b.WriteString(mark + strings.TrimSuffix(line, "\n") + "\n")
	}
}

func commonHead(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func commonTail(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
