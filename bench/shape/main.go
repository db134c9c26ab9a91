//go:build unix

// Command shape is a link of a given round trip and bandwidth between whoever connects to it and a server, for
// bench/places.py. All connections share each direction's bandwidth. A new connection costs a round trip. TCP's slow
// start is left out, and a connection may have 4 MiB on the way, as Linux allows.
//
//	shape -to 127.0.0.1:22 -rtt 60ms -mbit 100
//
// prints the address at which it listens, and at SIGUSR1 the bytes so far, out and back.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// direction is one half of the link.
type direction struct {
	delay time.Duration
	rate  float64 // bytes a second
	bytes atomic.Int64

	mu   sync.Mutex
	free time.Time // when the line has sent what it was given
}

// arrival gives the line n bytes and returns when they are at the other end.
func (d *direction) arrival(n int) time.Time {
	d.bytes.Add(int64(n))
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.free.Before(now) {
		d.free = now
	}
	d.free = d.free.Add(time.Duration(float64(n) / d.rate * float64(time.Second)))
	return d.free.Add(d.delay)
}

const (
	piece  = 16 << 10
	window = 4 << 20 // bytes of one connection on the way
)

type packet struct {
	data []byte
	at   time.Time
}

// carry takes bytes from one end to the other, beginning at begin.
func (d *direction) carry(to, from net.Conn, begin time.Time) {
	line := make(chan packet, window/piece)
	go func() {
		defer close(line)
		time.Sleep(time.Until(begin))
		for {
			b := make([]byte, piece)
			n, err := from.Read(b)
			if n > 0 {
				line <- packet{b[:n], d.arrival(n)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range line {
		time.Sleep(time.Until(p.at))
		if _, err := to.Write(p.data); err != nil {
			_ = from.Close() // the other end is gone
			for range line {
			}
			return
		}
	}
	_ = to.(*net.TCPConn).CloseWrite() // it may be gone
}

func main() {
	to := flag.String("to", "", "the server's address")
	rtt := flag.Duration("rtt", 0, "round trip")
	mbit := flag.Float64("mbit", 100, "bandwidth of each direction, Mbit/s")
	flag.Parse()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	out := &direction{delay: *rtt / 2, rate: *mbit * 1e6 / 8}
	back := &direction{delay: *rtt / 2, rate: *mbit * 1e6 / 8}
	fmt.Println(l.Addr())
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			fmt.Println(out.bytes.Load(), back.bytes.Load())
		}
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(c, *to, out, back)
	}
}

func serve(c net.Conn, to string, out, back *direction) {
	s, err := net.Dial("tcp", to)
	if err != nil {
		_ = c.Close() // nobody is there
		return
	}
	now := time.Now()
	var both sync.WaitGroup
	both.Go(func() { out.carry(s, c, now.Add(2*out.delay)) })
	both.Go(func() { back.carry(c, s, now.Add(out.delay)) })
	both.Wait()
	for _, x := range []io.Closer{c, s} {
		_ = x.Close() // both are at their end
	}
}
