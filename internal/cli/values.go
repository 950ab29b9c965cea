package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// secondsFlag is a whole number of seconds that remembers whether it was given.
type secondsFlag struct{ to **time.Duration }

// addTimeout adds -t, --timeout.
func addTimeout(flags *pflag.FlagSet, to **time.Duration) {
	flags.VarP(secondsFlag{to}, "timeout", "t", "Seconds a container gets to stop by itself")
}

func (f secondsFlag) Type() string { return "int" }

func (f secondsFlag) String() string {
	if f.to == nil || *f.to == nil {
		return "0"
	}
	return strconv.Itoa(int(**f.to / time.Second))
}

func (f secondsFlag) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a whole number of seconds", s)
	}
	d := time.Duration(n) * time.Second
	*f.to = &d
	return nil
}

// waitSecondsFlag is a time limit in whole seconds, 0 for none.
type waitSecondsFlag struct{ to *time.Duration }

func (f waitSecondsFlag) Type() string { return "int" }

func (f waitSecondsFlag) String() string {
	if f.to == nil {
		return "0"
	}
	return strconv.Itoa(int(*f.to / time.Second))
}

func (f waitSecondsFlag) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a whole number of seconds, 0 or more", s)
	}
	*f.to = time.Duration(n) * time.Second
	return nil
}

// listFlag collects the values of a flag that may be given several times. Its
// type name is what help texts show.
type listFlag struct {
	to   *[]string
	name string
}

func (f listFlag) Type() string { return f.name }

func (f listFlag) String() string {
	if f.to == nil {
		return ""
	}
	return strings.Join(*f.to, ",")
}

func (f listFlag) Set(s string) error {
	*f.to = append(*f.to, s)
	return nil
}

// bytesFlag is a size such as 512m.
type bytesFlag struct{ to *int64 }

func (f bytesFlag) Type() string { return "bytes" }

func (f bytesFlag) String() string {
	if f.to == nil {
		return "0"
	}
	return strconv.FormatInt(*f.to, 10)
}

func (f bytesFlag) Set(s string) error {
	n, err := parseBytes(s)
	if err != nil {
		return err
	}
	*f.to = n
	return nil
}

// parseBytes reads a size in the Docker CLI's form: a number and b, k, m, g or
// t, each a power of 1024, with an optional b or ib behind.
func parseBytes(s string) (int64, error) {
	word := strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRight(word, "bikmgt ")
	unit := strings.TrimSpace(word[len(digits):])
	power, known := map[string]int{
		"": 0, "b": 0,
		"k": 1, "kb": 1, "kib": 1, "m": 2, "mb": 2, "mib": 2,
		"g": 3, "gb": 3, "gib": 3, "t": 4, "tb": 4, "tib": 4,
	}[unit]
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || number < 0 || number > 1<<53 {
		return 0, fmt.Errorf("%q is not a size: use a number and b, k, m, g or t, such as 512m", s)
	}
	return int64(number * float64(int64(1)<<(10*power))), nil
}

// parseScale reads SERVICE=NUM pairs.
func parseScale(option string, pairs []string) (map[string]int, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	scale := make(map[string]int, len(pairs))
	for _, pair := range pairs {
		service, number, ok := strings.Cut(pair, "=")
		n, err := strconv.Atoi(number)
		if !ok || service == "" || err != nil || n < 0 {
			return nil, fmt.Errorf("%s: %q should be SERVICE=NUM, such as web=3", option, pair)
		}
		scale[service] = n
	}
	return scale, nil
}

// truthy reads a switch among the COMPOSE_* settings.
func truthy(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "1", "t", "true", "y", "yes", "on":
		return true
	}
	return false
}
