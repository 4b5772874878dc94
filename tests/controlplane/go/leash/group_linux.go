package main

import "syscall"

// ownGroup gives the program a process group, and has the kernel kill it when leash dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
