package logs

import (
	"bytes"
	"time"
)

// The engine puts a stamp and a space before each message:
// "2006-01-02T15:04:05.000000000Z text".
const (
	stampLength = len("2006-01-02T15:04:05.000000000Z")
	// stampLimit is where to stop looking for the space after a stamp in a
	// form other than the usual one.
	stampLimit = 40
)

// splitStamp separates a message's stamp, in unix nanoseconds, from its text.
// ok is false, and text the whole message, if there is no stamp.
func splitStamp(message []byte) (ns int64, text []byte, ok bool) {
	if len(message) > stampLength && message[stampLength] == ' ' {
		if ns, ok := fixedStamp(message[:stampLength]); ok {
			return ns, message[stampLength+1:], true
		}
	}
	end := bytes.IndexByte(message[:min(len(message), stampLimit)], ' ')
	if end < 0 {
		return 0, message, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(message[:end]))
	if err != nil {
		return 0, message, false
	}
	return t.UnixNano(), message[end+1:], true
}

// fixedStamp parses the usual form without allocating: it runs once per line.
func fixedStamp(b []byte) (ns int64, ok bool) {
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[29] != 'Z' {
		return 0, false
	}
	year, ok1 := number(b[0:4])
	month, ok2 := number(b[5:7])
	day, ok3 := number(b[8:10])
	hour, ok4 := number(b[11:13])
	minute, ok5 := number(b[14:16])
	second, ok6 := number(b[17:19])
	fraction, ok7 := number(b[20:29])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) {
		return 0, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, fraction, time.UTC).UnixNano(), true
}

// number reads decimal digits.
func number(digits []byte) (n int, ok bool) {
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, true
}
