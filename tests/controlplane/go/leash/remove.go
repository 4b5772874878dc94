package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// remove removes a folder when standard input closes. The programs that write there are killed at the same moment by
// leashes of their own, so it may take more than one go.
func remove(folder string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	untilLetGo()
	var err error
	for range 200 {
		if err = os.RemoveAll(folder); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "failed to remove the folder:", err)
	os.Exit(1)
}
