// Command reachable tells by its exit code whether an HTTPS address answers.
package main

import (
	"net/http"
	"os"
	"time"
)

func main() {
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Head(os.Args[1])
	if err != nil || res.StatusCode >= 400 {
		os.Exit(1)
	}
}
