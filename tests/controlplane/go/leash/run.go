package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// run starts a program in a process group of its own, and kills that group when standard input closes. SIGTERM and
// SIGINT are passed on, so that the program can end by itself. Should leash itself be killed, the kernel kills the
// program, on Linux.
//
// The first line of standard output is the program's process id. The program's own output, of both kinds, goes to
// leash's standard error. Its exit code is leash's; 128 and the signal's number when a signal ended it.
func run(path string, arguments []string) {
	// For the kernel the parent is the thread that started the program: main's, which lasts as long as the process.
	runtime.LockOSThread()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)

	program := exec.Command(path, arguments...)
	program.Stdout = os.Stderr
	program.Stderr = os.Stderr
	program.SysProcAttr = ownGroup()
	if err := program.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "failed to start:", err)
		os.Exit(127)
	}
	group := -program.Process.Pid
	fmt.Println(program.Process.Pid)

	go func() {
		untilLetGo()
		_ = syscall.Kill(group, syscall.SIGKILL)
	}()
	go func() {
		for received := range signals {
			_ = syscall.Kill(group, received.(syscall.Signal))
		}
	}()

	_ = program.Wait()
	status, _ := program.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
}
