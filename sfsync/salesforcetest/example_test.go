package salesforcetest_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func ExampleNew() {
	org, err := salesforcetest.New(salesforcetest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer org.Close()
	org.Insert("Account", map[string]any{"Name": "Acme", "BillingCity": "Springfield"})

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: org.Roots()}}}
	req, err := http.NewRequest("GET", org.InstanceURL()+"/services/data/v67.0/query?q=SELECT+Name,BillingCity+FROM+Account+LIMIT+1", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+org.AccessToken())
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: {"totalSize":1,"done":true,"records":[{"attributes":{"type":"Account","url":"/services/data/v67.0/sobjects/Account/0015e0000000001AAA"},"Name":"Acme","BillingCity":"Springfield"}]} <nil>
}
