// Command rcloneserve is three of rclone's servers alone, for tests: the whole of rclone takes long to compile.
//
//	rcloneserve sftp|webdav|s3 ADDRESS FOLDER [FLAG ...]
//
// It reads the user (S3: the access key id) and the password (the secret), a line each, from the standard input. Flags
// are those of rclone serve. It is a module of its own, so that the app's does not grow by what only a test needs.
package main

import (
	"bufio"
	"log"
	"os"

	_ "github.com/rclone/rclone/backend/local" // what is served
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/serve/s3"
	_ "github.com/rclone/rclone/cmd/serve/sftp"
	_ "github.com/rclone/rclone/cmd/serve/webdav"
)

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: rcloneserve sftp|webdav|s3 ADDRESS FOLDER [FLAG ...]")
	}
	kind, addr, folder, flags := os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	in := bufio.NewScanner(os.Stdin)
	var said [2]string
	for i := range said {
		if !in.Scan() {
			log.Fatal("rcloneserve: a user and a password are to come from the standard input")
		}
		said[i] = in.Text()
	}
	who := []string{"--user", said[0], "--pass", said[1]}
	if kind == "s3" {
		who = []string{"--auth-key", said[0] + "," + said[1]}
	}
	// No configuration file of whoever runs the tests is read or written.
	args := append([]string{"rclone", "serve", kind, "--config", "", "--addr", addr}, who...)
	os.Args = append(append(args, flags...), folder)
	cmd.Main()
}
