package logs

import (
	"container/heap"
	"context"
)

// merge gives out the lines of several logs by time. It holds one batch of
// each at a time.
func merge(ctx context.Context, logs []*pastLog) error {
	heads := make(lineHeap, 0, len(logs))
	for _, l := range logs {
		if l.advance(ctx) {
			heads = append(heads, l)
		}
	}
	heap.Init(&heads)
	for len(heads) > 0 && ctx.Err() == nil {
		if err := heads[0].give(); err != nil {
			return err
		}
		if heads[0].advance(ctx) {
			heap.Fix(&heads, 0)
		} else {
			heap.Pop(&heads)
		}
	}
	return ctx.Err()
}

// lineHeap orders logs by their current line.
type lineHeap []*pastLog

func (h lineHeap) Len() int      { return len(h) }
func (h lineHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h lineHeap) Less(i, j int) bool {
	if h[i].key != h[j].key {
		return h[i].key < h[j].key
	}
	return h[i].index < h[j].index
}

// Push and Pop are container/heap's.
func (h *lineHeap) Push(x any) {
	*h = append(*h, x.(*pastLog)) //nolint:errcheck // container/heap pushes what it was given
}

func (h *lineHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
