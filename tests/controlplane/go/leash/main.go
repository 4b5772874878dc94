// leash sees to it that nothing outlives the test that started it.
//
//	leash PROGRAM [ARGUMENT…]   runs a program, and kills it when standard input closes
//	leash -remove FOLDER        removes a folder when standard input closes
//
// The test holds the other end of standard input. It closes for whatever reason: the test lets go, ends, or is killed
// with SIGKILL.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "-remove":
		remove(os.Args[2])
	case len(os.Args) > 1:
		run(os.Args[1], os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, "usage: leash PROGRAM [ARGUMENT…], or leash -remove FOLDER")
		os.Exit(64)
	}
}

// untilLetGo returns when nobody holds the other end of standard input any more.
func untilLetGo() {
	_, _ = io.Copy(io.Discard, os.Stdin)
}
