// Command bench measures sfsync on the machine it runs on and prints one table:
// each figure beside its bare limit, which is the least that any program could
// do for the same result, measured in the same run, and beside its goal.
//
//	go run ./examples/bench             aligned text
//	go run ./examples/bench -markdown   for a document
//
// The org is a fake one in a process of its own, so that its processor time is
// not counted as the client's; but it runs on the same cores, and takes part of
// them. Everyone in it is invented. It takes some ten minutes on two cores
// and 3 GB of disk in the temporary directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func main() {
	var b bench
	var as string
	flag.Float64Var(&b.scale, "scale", 1, "how much of everything: 0.1 is quick and says little")
	flag.BoolVar(&b.markdown, "markdown", false, "print the table in Markdown")
	flag.StringVar(&b.only, "only", "", "measure only the `row`s whose name contains this")
	flag.StringVar(&b.profile, "cpuprofile", "", "write a profile of the client to this `file`, and of each first copy to one beside it")
	flag.StringVar(&as, "as", "", "for the program's own use: org, copy or vault")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, as, &b, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, as string, b *bench, out io.Writer) error {
	stop, err := profiling(b.profile)
	if err != nil {
		return err
	}
	defer stop()
	switch as {
	case "org":
		return serve(os.Stdin, os.Stdout)
	case "vault":
		return b.vaultAlone(ctx, out)
	case "copy":
		return copyOnce(ctx, flag.Arg(0), flag.Arg(1), out)
	case "":
		return b.run(ctx, out)
	}
	return errors.New("-as is for the program's own use: leave it out")
}

func profiling(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, err
}
