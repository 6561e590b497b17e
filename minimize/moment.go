package minimize

import "time"

// day is a day in milliseconds.
const day = int64(24 * time.Hour / time.Millisecond)

// The first and the last millisecond that a date of four digits can name. What
// Salesforce takes lies between 1700 and 4000 ("Valid Date Formats").
const (
	firstMoment = -62167219200000 // 0000-01-01T00:00:00.000Z
	lastMoment  = 253402300799999 // 9999-12-31T23:59:59.999Z
)

// appendMoment appends a Date, DateTime or Time, given as an event has it: in
// milliseconds since 1970 in UTC, and for a Time since midnight. A Date must be
// midnight.
func appendMoment(dst []byte, t Type, ms int64) ([]byte, bool) {
	if ms < firstMoment || ms > lastMoment {
		return dst, false
	}
	switch t {
	case Date:
		return appendDate(dst, ms), ms%day == 0
	case DateTime:
		dst = append(appendDate(dst, ms), 'T')
		return appendClock(dst, (ms%day+day)%day), true
	case Time:
		if ms < 0 || ms >= day {
			return dst, false
		}
		return appendClock(dst, ms), true
	}
	return dst, false
}

func appendDate(dst []byte, ms int64) []byte {
	year, month, d := time.UnixMilli(ms).UTC().Date()
	dst = append(appendPair(appendPair(dst, year/100), year%100), '-')
	dst = append(appendPair(dst, int(month)), '-')
	return appendPair(dst, d)
}

func appendClock(dst []byte, ms int64) []byte {
	seconds, fraction := int(ms/1000), int(ms%1000)
	dst = append(appendPair(dst, seconds/3600), ':')
	dst = append(appendPair(dst, seconds/60%60), ':')
	dst = append(appendPair(dst, seconds%60), '.', byte('0'+fraction/100))
	return append(appendPair(dst, fraction%100), 'Z')
}

// appendPair appends two digits.
func appendPair(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// parseMoment reads a Date, DateTime or Time as REST and Bulk write it
// (2006-01-02, 2006-01-02T15:04:05.000+0000 or with Z, 15:04:05.000Z) into
// milliseconds as an event has them.
func parseMoment(t Type, s []byte) (ms int64, ok bool) {
	if t != Time {
		if len(s) < len("2006-01-02") {
			return 0, false
		}
		if ms, ok = parseDate(s[:10]); !ok || t == Date {
			return ms, ok && len(s) == 10
		}
		if len(s) == 10 || s[10] != 'T' {
			return 0, false
		}
		s = s[11:]
	}
	clock, zone, ok := parseClock(s)
	offset, known := parseZone(zone)
	return ms + clock - offset, ok && known
}

func parseDate(s []byte) (int64, bool) {
	if !shaped(s, "0000-00-00") {
		return 0, false
	}
	year, month, d := number(s[:4]), time.Month(number(s[5:7])), number(s[8:])
	t := time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
	return t.UnixMilli(), t.Month() == month && t.Day() == d
}

// parseClock reads a time of day and returns what follows it. Of a fraction the
// first three digits count.
func parseClock(s []byte) (ms int64, zone []byte, ok bool) {
	if len(s) < 8 || !shaped(s[:8], "00:00:00") {
		return 0, nil, false
	}
	hour, minute, second := number(s[:2]), number(s[3:5]), number(s[6:8])
	if hour > 23 || minute > 59 || second > 59 {
		return 0, nil, false
	}
	fraction, weight := 0, 100
	if s = s[8:]; len(s) > 1 && s[0] == '.' {
		for s = s[1:]; len(s) > 0 && s[0] >= '0' && s[0] <= '9'; s = s[1:] {
			fraction += int(s[0]-'0') * weight
			weight /= 10
		}
	}
	return int64(hour*3600+minute*60+second)*1000 + int64(fraction), s, true
}

// parseZone reads Z, +0000 or +00:00 into milliseconds east of UTC.
func parseZone(s []byte) (ms int64, ok bool) {
	if string(s) == "Z" || string(s) == "+0000" {
		return 0, true
	}
	if len(s) == 0 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	sign, s := s[0], s[1:]
	if !shaped(s, "0000") && !shaped(s, "00:00") {
		return 0, false
	}
	hour, minute := number(s[:2]), number(s[len(s)-2:])
	if ms = int64(hour*60+minute) * 60_000; sign == '-' {
		ms = -ms
	}
	return ms, hour <= 14 && minute <= 59
}

// shaped reports whether a text has digits where the shape has 0, and otherwise
// what the shape has.
func shaped(s []byte, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i, c := range s {
		if shape[i] == '0' && (c < '0' || c > '9') || shape[i] != '0' && c != shape[i] {
			return false
		}
	}
	return true
}
