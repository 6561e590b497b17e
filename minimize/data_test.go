package minimize_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/minimize"
)

// shop is the policy of the documentation.
const shop = `version: 7                          # raise with every change
purposes: {fulfilment: "pack, ship and bill an order", support: "answer a customer"}
objects:
  Contact:
    purpose: [fulfilment, support]  # a field inherits it, or names its own
    person: [Id]
    retention: {days: 1095, from: LastModifiedDate}
    plain: {AccountId, CreatedDate, Loyalty_Tier__c: {category: user.behavior.purchase_history}}
    personal: {FirstName, LastName, MailingStreet, MailingCity, MailingPostalCode,
               Email: {find: email}, MobilePhone: {find: phone}}   # standard fields have a default category
  Order:
    purpose: [fulfilment]
    person: [BillToContactId, AccountId]      # the first that is set
    retention: {days: 3650, from: EffectiveDate}
    on_forget: keep_plain           # default: delete
    plain: {OrderNumber, Status, EffectiveDate, TotalAmount}
    personal: {BillingStreet, BillingCity, ShippingStreet: {person: [ShipToContactId]}}
  OrderItem:
    purpose: [fulfilment]
    person: [OrderId]               # a reference to another object of the policy
    plain: {OrderId, Product2Id, Quantity, UnitPrice, CreatedDate}
  Case:
    purpose: [support]
    person: [ContactId, AccountId]
    retention: {days: 730, from: ClosedDate}
    changes: stream                 # or poll
    plain: {CaseNumber, Status, ClosedDate}
    personal: {Subject, Description, SuppliedName, SuppliedEmail: {find: email}}
`

// captured is a file of the captures beside the checkout.
func captured(t testing.TB, path ...string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "go.mod")) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	folder := filepath.Join(dir, "..", "shared", "data")
	if !exists(folder) {
		t.Skip("the captures are not here: put them in ../shared/data beside the checkout")
	}
	content, err := os.ReadFile(filepath.Join(append([]string{folder}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// golden is a captured event and what it says.
type golden struct {
	Source       string
	SchemaFile   string
	Payload      []byte `json:"payloadBase64"`
	Decoded      map[string]json.RawMessage
	ChangedNames []string `json:"changedFieldNames"`
}

func goldens(t testing.TB) (all []golden) {
	t.Helper()
	if err := json.Unmarshal(captured(t, "golden_cdc_vectors.json"), &all); err != nil || len(all) == 0 {
		t.Fatal("no vectors:", err)
	}
	return all
}

// describe writes an answer of REST describe from lines of "name type", each with
// further words: in=Parent for a part of a compound, to=A,B for a reference,
// digits=18.2 for precision and scale.
func describe(object string, lines string) []byte {
	fields := []map[string]any{field("Id id"), field("SystemModstamp datetime"), field("IsDeleted boolean")}
	for line := range strings.Lines(lines) {
		if strings.TrimSpace(line) != "" {
			fields = append(fields, field(line))
		}
	}
	answer, err := json.Marshal(map[string]any{"name": object, "keyPrefix": "a00", "fields": fields})
	if err != nil {
		panic(err)
	}
	return answer
}

func field(line string) map[string]any {
	words := strings.Fields(line)
	f := map[string]any{"name": words[0], "type": words[1], "compoundFieldName": nil, "referenceTo": []string{}, "precision": 0, "scale": 0}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "in":
			f["compoundFieldName"] = value
		case "to":
			f["referenceTo"] = strings.Split(value, ",")
		case "digits":
			var numbers [2]int
			whole, scale, _ := strings.Cut(value, ".")
			json.Unmarshal([]byte(whole), &numbers[0])
			json.Unmarshal([]byte(scale), &numbers[1])
			f["precision"], f["scale"] = numbers[0], numbers[1]
		}
	}
	return f
}

// compile is the table of one object, described by lines, under a policy whose
// settings of the object are YAML.
func compile(t testing.TB, object, settings, lines string) *minimize.Table {
	t.Helper()
	table, err := policy(t, object, settings).Compile(object, describe(object, lines))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func policy(t testing.TB, object, settings string) *minimize.Policy {
	t.Helper()
	p, err := minimize.Parse([]byte("version: 1\npurposes: {support: answer a customer}\nobjects:\n  " + object + ":\n    purpose: [support]\n    " +
		strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n    ") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// show is all that a change says, as text.
func show(table *minimize.Table, c minimize.Change) map[string]string {
	said := map[string]string{}
	for i, column := range table.Columns() {
		if state, text := c.Value(i); state != minimize.Unset {
			said[column.Name] = one(state, text)
		}
	}
	for i, reference := range table.References() {
		if state, text := c.Reference(i); state != minimize.Unset {
			said["->"+reference.Name] = one(state, text)
		}
	}
	return said
}

func one(state minimize.State, text []byte) string {
	if state == minimize.Known {
		return string(text)
	}
	return "(" + state.String() + ")"
}
