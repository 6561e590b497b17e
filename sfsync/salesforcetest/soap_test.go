package salesforcetest_test

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

const soapLogin = `<?xml version="1.0"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body><n1:login xmlns:n1="urn:partner.soap.sforce.com">` +
	`<n1:username>%s</n1:username><n1:password>%s</n1:password></n1:login></env:Body></env:Envelope>`

func TestPasswordSignIn(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	login := func(path, password string) (int, string) {
		resp, err := c.http.Post(c.LoginURL()+path, "text/xml", strings.NewReader(fmt.Sprintf(soapLogin, c.Username(), password)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	status, body := login("/services/Soap/u/54.0", c.Password())
	m := regexp.MustCompile(`<serverUrl>(.*?)</serverUrl><sessionId>(.*?)</sessionId>`).FindStringSubmatch(body)
	if status != 200 || m == nil || !strings.HasPrefix(m[1], c.InstanceURL()) {
		t.Fatalf("%d %s", status, body)
	}
	c.token = m[2]
	if status, _, _ := c.do("GET", data+"/limits", nil); status != 200 {
		t.Errorf("the session of login(): %d", status)
	}
	if status, body := login("/services/Soap/u/54.0", "wrong"); status != 500 || !strings.Contains(body, "INVALID_LOGIN") {
		t.Errorf("a wrong password: %d %s", status, body)
	}
	if status, _ := login("/services/Soap/u/66.0", c.Password()); status != 404 {
		t.Errorf("login() of a version that has none: %d", status)
	}
	for want, password := range map[int]string{200: c.Password(), 400: "wrong"} {
		status, answer := c.form(c.LoginURL()+"/services/oauth2/token", url.Values{"grant_type": {"password"}, "client_id": {c.ConsumerKey()},
			"client_secret": {c.ClientSecret()}, "username": {c.Username()}, "password": {password}})
		if status != want || want == 400 && answer["error_description"] != "authentication failure" {
			t.Errorf("password flow: %d %v, want %d", status, answer, want)
		}
	}
	c.RevokeUser()
	if status, body := login("/services/Soap/u/54.0", c.Password()); status != 500 || !strings.Contains(body, "INVALID_LOGIN") {
		t.Errorf("a revoked user: %d %s", status, body)
	}
}
