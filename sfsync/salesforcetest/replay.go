package salesforcetest

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// firstReplay is the counter of a new org; live orgs were seen in this region.
const firstReplay = 0x17_9050

// replayID is a replay id as it is on the wire: a big-endian counter and two
// zero bytes (captures from live orgs).
func replayID(counter uint64) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 10), counter), 0, 0)
}

// parseReplayID reads a replay id of 10 bytes, or of the 8 that official
// clients build from a number.
func parseReplayID(id []byte) (uint64, bool) {
	switch len(id) {
	case 8:
	case 10:
		if id[8] != 0 || id[9] != 0 {
			return 0, false
		}
	default:
		return 0, false
	}
	return binary.BigEndian.Uint64(id), true
}

// following is the counter after c. Ids are not contiguous: other topics and
// other orgs share the bus.
func following(c uint64) uint64 { return c + 1 + c*0x9E3779B97F4A7C15>>62 }

// newUUID is a random UUID, for event ids, transaction keys and rpc ids.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
