package minimize_test

import (
	"fmt"
	"strings"

	"github.com/sfsync/sfsync-go/minimize"
)

const examplePolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {CreatedDate}
    coarse: {Birthdate}
    personal: {FirstName, LastName, Email: {find: email}}
`

// exampleDescribe stands for the answer of REST describe.
func exampleDescribe() []byte {
	return describe("Contact", "FirstName string in=Name\nLastName string in=Name\nEmail email\nBirthdate date\nCreatedDate datetime\nSSN__c string")
}

func ExampleParse() {
	policy, err := minimize.Parse([]byte(examplePolicy))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(policy.ObjectNames(), policy.Topic("Contact"))

	_, err = minimize.Parse([]byte(strings.Replace(examplePolicy, "{CreatedDate}", "{CreatedDate, SSN__c}", 1)))
	fmt.Println(err)
	// Output:
	// [Contact] /data/ContactChangeEvent
	// minimize.Policy.Validate: policy_invalid at line 8, column 26: Contact.SSN__c: the field has no default category; give it one of Fideslang, such as {category: user.behavior.purchase_history}
}

func ExamplePolicy_Compile() {
	policy, err := minimize.Parse([]byte(examplePolicy))
	if err != nil {
		fmt.Println(err)
		return
	}
	table, err := policy.Compile("Contact", exampleDescribe())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table.SOQL())
	fmt.Println("not kept:", table.Unlisted())
	// Output:
	// SELECT Id, SystemModstamp, Birthdate, CreatedDate, Email, FirstName, LastName FROM Contact
	// not kept: [SSN__c]
}

func ExampleRecordProjection_Decode() {
	policy, err := minimize.Parse([]byte(examplePolicy))
	if err != nil {
		fmt.Println(err)
		return
	}
	table, err := policy.Compile("Contact", exampleDescribe())
	if err != nil {
		fmt.Println(err)
		return
	}
	records, change := table.Records(), minimize.NewChange()
	err = records.Decode(change, []byte(`{"attributes":{"type":"Contact"},
		"Id":"003Dp00000JJkkHIAT","SystemModstamp":"2024-05-06T07:08:09.000+0000",
		"FirstName":"Ann","LastName":"Example","Email":null,"Birthdate":"1956-03-04",
		"CreatedDate":"2022-03-17T16:21:26.000+0000","SSN__c":"never decoded"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, column := range table.Columns() {
		state, text := change.Value(i)
		fmt.Printf("%-11s %-8s %s %q\n", column.Name, column.Class, state, text)
	}
	// Output:
	// Birthdate   coarse   known "1956"
	// CreatedDate plain    known "2022-03-17T16:21:26.000Z"
	// Email       personal null ""
	// FirstName   personal known "Ann"
	// LastName    personal known "Example"
}
