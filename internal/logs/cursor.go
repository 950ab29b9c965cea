package logs

import "time"

// skew bounds how much earlier than its predecessor a message may be stamped
// when the two are of different streams. The engine stamps stdout and stderr
// apart and writes them to one log, so their stamps may cross by the time it
// takes to write one message; seconds are plenty.
const skew = 10 * time.Second

// cursor is how far a container's log has been delivered. Within one stream
// stamps never go back, and equal stamps keep their order, so the last stamp
// and the number of messages delivered under it say exactly what is new.
type cursor struct {
	// from is the lowest stamp that is wanted at all; 0 for no bound.
	from    int64
	streams [2]position
}

// position is a cursor within one stream.
type position struct {
	last  int64 // unix nanoseconds
	count int   // messages delivered that are stamped last
	open  int64 // stamp of a line that has begun and is not delivered; 0 for none
}

// advance notes that messages stamped ns have been delivered.
func (p *position) advance(ns int64, messages int) {
	if ns == p.last {
		p.count += messages
		return
	}
	p.last, p.count = ns, messages
}

// since is the stamp to read on from: low enough for everything new, however
// little one of the streams says, and no lower.
func (c *cursor) since() int64 {
	newest := max(c.streams[0].last, c.streams[1].last)
	if newest == 0 {
		return c.from
	}
	lowest := newest
	for _, p := range c.streams {
		// Messages of a long line carry the stamp of its first byte, which may
		// be long ago.
		resume := max(p.last, newest-int64(skew))
		if p.open != 0 {
			resume = min(resume, p.open)
		}
		lowest = min(lowest, resume)
	}
	return max(lowest, c.from)
}

// filter drops the messages of one reading that have been delivered before.
type filter struct {
	base [2]position
	live [2]bool // something new has come; from here on everything is new
}

// filter returns a filter for a reading that starts now.
func (c *cursor) filter() filter { return filter{base: c.streams} }

// isNew tells whether the message is to be delivered.
func (f *filter) isNew(stream int, ns int64) bool {
	if f.live[stream] {
		return true
	}
	base := &f.base[stream]
	if ns < base.last {
		return false
	}
	if ns == base.last && base.count > 0 {
		base.count--
		return false
	}
	f.live[stream] = true
	return true
}
