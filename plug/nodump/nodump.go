// Package nodump keeps the program's memory, which holds keys and passwords
// while they are in use, out of core dumps.
//
// On Linux no dump is written; where the system hands dumps to a program of its
// own (systemd-coredump, apport), it gets none of the memory. Commands are also out of
// reach of other processes of the same user (ptrace, /proc/PID/mem). The window is
// not: the desktop's portals look at /proc/PID of those who ask them, and would refuse it.
// On macOS and other Unix systems no dump is written. Windows keeps dumps of programs
// where an administrator asks for them; see SECURITY.md.
package nodump
