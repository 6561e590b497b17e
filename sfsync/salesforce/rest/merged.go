package rest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// mergedIDs is how many records one query asks about: a literal list of 200 ids
// is far below the 100,000 characters that a query may have.
const mergedIDs = 200

// Masters returns, by the ids of deleted records, the record that each was
// merged into, for those that were merged and are in the Recycle Bin yet. Ids
// have 18 characters. A merge deletes the losing records and leaves the winner's
// id in their MasterRecordId (Object Reference, Account, Contact and Lead).
func (c *Client) Masters(ctx context.Context, object string, ids []string) (map[string]string, error) {
	masters := map[string]string{}
	for chunk := range slices.Chunk(ids, mergedIDs) {
		for _, id := range chunk {
			if !recordid.Valid([]byte(id)) {
				return nil, fault.New(fault.ConfigInvalid, "rest.Masters", "give record ids of 18 characters").On(object)
			}
		}
		soql := "SELECT Id, MasterRecordId FROM " + object + " WHERE IsDeleted = true AND Id IN ('" + strings.Join(chunk, "','") + "')"
		page, err := c.first(ctx, "queryAll", soql, longestPage)
		if err != nil {
			return nil, err
		}
		for _, raw := range page.Records {
			var r struct{ ID, MasterRecordID string } // matched whatever their case
			if json.Unmarshal(raw, &r) != nil {
				return nil, errForm()
			}
			id, ok := recordid.Normalize(r.ID)
			master, merged := recordid.Normalize(r.MasterRecordID)
			if ok && merged {
				masters[id] = master
			}
		}
	}
	return masters, nil
}
