//go:build !linux

package main

import "syscall"

// ownGroup gives the program a process group, so that its own children end with it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
