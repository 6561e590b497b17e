package salesforcetest

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// serveSOAP answers login(), the one SOAP call that clients which otherwise
// speak REST still make (SOAP API Developer Guide, "login()").
func (o *Org) serveSOAP(w http.ResponseWriter, r *http.Request, version string) {
	var in struct {
		Username string `xml:"Body>login>username"`
		Password string `xml:"Body>login>password"`
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	if err := xml.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil || in.Username == "" {
		writeFault(w, "UNKNOWN_EXCEPTION", "only login() is answered")
		return
	}
	if in.Username != o.state.Username || in.Password != o.Password() {
		writeFault(w, "INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
		return
	}
	s, ok := o.sessions.open()
	if !ok {
		writeFault(w, "INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
		return
	}
	const envelope = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><loginResponse><result>` +
		`<metadataServerUrl>%[1]s/services/Soap/m/%[2]s/%[3]s</metadataServerUrl><passwordExpired>false</passwordExpired><sandbox>true</sandbox>` +
		`<serverUrl>%[1]s/services/Soap/u/%[2]s/%[3]s</serverUrl><sessionId>%[4]s</sessionId><userId>%[5]s</userId><userInfo>` +
		`<organizationId>%[6]s</organizationId><userEmail>%[7]s</userEmail><userFullName>Sync Integration</userFullName><userId>%[5]s</userId>` +
		`<userName>%[7]s</userName></userInfo></result></loginResponse></soapenv:Body></soapenv:Envelope>`
	fmt.Fprintf(w, envelope, o.base(r, "instance"), version, o.state.OrgID[:15], s.token, o.state.UserID, o.state.OrgID, o.state.Username)
}

// writeFault writes a SOAP fault, which has the status 500.
func writeFault(w http.ResponseWriter, code, message string) {
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" `+
		`xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault><faultcode>sf:%[1]s</faultcode><faultstring>%[1]s: %[2]s</faultstring>`+
		`<detail><sf:LoginFault><sf:exceptionCode>%[1]s</sf:exceptionCode><sf:exceptionMessage>%[2]s</sf:exceptionMessage></sf:LoginFault></detail>`+
		`</soapenv:Fault></soapenv:Body></soapenv:Envelope>`, code, message)
}

// soapVersion is the version of a path services/Soap/u/54.0, whatever follows
// it. From 65.0 on there is no login().
func soapVersion(path []string) (string, bool) {
	if len(path) < 4 || path[0] != "services" || path[1] != "Soap" || path[2] != "u" || !versionPattern.MatchString("v"+path[3]) {
		return "", false
	}
	return path[3], path[3] < "65.0"
}
