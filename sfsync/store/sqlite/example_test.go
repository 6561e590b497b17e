package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sfsync")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	rows, err := sqlite.Open(ctx, filepath.Join(dir, "data", "crm.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	keys, err := sqlite.OpenKeys(ctx, filepath.Join(dir, "keys", "keys.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Close()

	_, err = sqlite.OpenKeys(ctx, rows.Path())
	fmt.Println(errors.Is(err, fault.ConfigInvalid))
	// Output: true
}
