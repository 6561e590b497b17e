package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine says what the figures are of.
func machine() string {
	model := field("/proc/cpuinfo", "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}

// peakMemory is the most memory in bytes that this process ever had, 0 where
// the system does not tell. Getrusage would count the parent's as well, as the
// kernel keeps it across exec.
func peakMemory() int64 {
	kb, _, _ := strings.Cut(field("/proc/self/status", "VmHWM"), " ")
	n, _ := strconv.ParseInt(kb, 10, 64)
	return n << 10
}

// field finds "name: value" in a file of the kernel; "" if there is none.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
