package logs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// zonedLayouts and localLayouts are the forms of a point in time that docker
// takes, besides durations and unix seconds. Parsing accepts a fraction after
// the seconds of any of them.
func zonedLayouts() []string {
	return []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15Z07:00", "2006-01-02Z07:00"}
}

func localLayouts() []string {
	return []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02"}
}

// ParseTime reads the value of a flag such as --since in every form that
// docker takes: a duration before now ("10m", "1h30m"), RFC 3339 with or
// without zone, seconds and time of day ("2026-01-02", "2026-01-02T15:04"), or
// unix seconds with an optional fraction. Forms without a zone are in now's.
// An empty value is the zero time. The error names the flag.
func ParseTime(flag, value string, now time.Time) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	// "0" is both; docker reads it as unix time.
	if d, err := time.ParseDuration(value); err == nil && value != "0" {
		return now.Add(-d), nil
	}
	if t, ok := parseUnix(value); ok {
		return t, nil
	}
	for _, layout := range zonedLayouts() {
		if t, err := time.Parse(layout, value); err == nil {
			return t, nil
		}
	}
	for _, layout := range localLayouts() {
		if t, err := time.ParseInLocation(layout, value, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is no time: give a duration such as 10m, a date such as 2006-01-02 or 2006-01-02T15:04:05Z, or unix seconds", flag, value)
}

// parseUnix reads "1136073845" or "1136073845.000000001"; digits after the
// ninth are below what a stamp holds.
func parseUnix(value string) (time.Time, bool) {
	seconds, fraction, hasFraction := strings.Cut(value, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if !hasFraction {
		return time.Unix(s, 0), true
	}
	const digits = 9
	if len(fraction) > digits {
		fraction = fraction[:digits]
	}
	ns, err := strconv.ParseUint(fraction+strings.Repeat("0", digits-len(fraction)), 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(s, int64(ns)), true
}

// ParseTail checks the value of a flag such as --tail and returns it in the
// form [Options] takes: "all" or a number. Like docker's it takes an empty or
// negative value for all.
func ParseTail(flag, value string) (string, error) {
	n, err := tailNumber(value)
	if err != nil {
		return "", fmt.Errorf("%s: %q is no number of lines: give a number or all", flag, value)
	}
	if n < 0 {
		return "all", nil
	}
	return strconv.Itoa(n), nil
}

// tailNumber is the number of lines, negative for all.
func tailNumber(tail string) (int, error) {
	if tail == "" || tail == "all" {
		return -1, nil
	}
	return strconv.Atoi(tail)
}

// unixTime is a time in the form the engine takes for since and until.
func unixTime(ns int64) string {
	const second = int64(time.Second)
	return fmt.Sprintf("%d.%09d", ns/second, ns%second)
}
