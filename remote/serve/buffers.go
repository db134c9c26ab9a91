package serve

import "sync"

// buffers keeps memory of large objects for the next ones: collected and made anew, it would take half as much again.
type buffers struct {
	most int // are there, in use or kept

	mu   sync.Mutex
	out  int
	kept [][]byte
}

// A buffer is a multiple of bufferStep long; objects shorter than bufferLeast get memory of their own.
const (
	bufferStep  = 8 << 20
	bufferLeast = 512 << 10
)

// take returns n bytes, of any content.
func (b *buffers) take(n int) []byte {
	if n < bufferLeast {
		return make([]byte, n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out++
	last := len(b.kept) - 1
	for i := last; i >= 0; i-- {
		if p := b.kept[i]; cap(p) >= n {
			b.kept[i], b.kept[last] = b.kept[last], nil
			b.kept = b.kept[:last]
			return p[:n]
		}
	}
	if last >= 0 && b.out+len(b.kept) > b.most { // all kept ones are too small
		b.kept[last] = nil
		b.kept = b.kept[:last]
	}
	return make([]byte, n, (n+bufferStep-1)/bufferStep*bufferStep)
}

// give takes back what take has returned. again: nobody uses it any more, so that others may.
func (b *buffers) give(p []byte, again bool) {
	if cap(p) < bufferStep {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out--
	if again && b.out+len(b.kept) < b.most {
		b.kept = append(b.kept, p)
	}
}
