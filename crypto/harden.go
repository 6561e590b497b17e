package crypto

// Harden keeps the memory of the process out of files, where keys and opened
// values would outlast it. A program's main calls it first; it holds until the
// process ends and cannot be undone.
//
// On Unix it sets the limit of core dumps (RLIMIT_CORE) to 0, for this process
// and those that it starts. On Linux it also makes the process not dumpable
// (PR_SET_DUMPABLE), because a core dump that is piped to a program, such as
// systemd-coredump, is not subject to the limit (core(5)); other processes of
// the same user then cannot attach a debugger or read /proc/PID/mem (prctl(2)).
// On Windows it does nothing: there the Go runtime turns the reports of crashes
// off itself, unless GOTRACEBACK=wer asks for them (package runtime).
//
// It does not keep memory out of the swap space or a hibernation image, nor from
// root, from a hypervisor, from a heap profile or from debug.WriteHeapDump.
// The error is ConfigInvalid where the system does not allow it.
func Harden() error { return harden() }
