package salesforcetest

// refusal is an error as the data API words it. Like the real ones its
// message may repeat what was sent: clients are tested on not passing it on.
type refusal struct {
	status  int
	code    string
	message string
	fields  []string
}

func refuse(status int, code, message string, fields ...string) error {
	return &refusal{status, code, message, fields}
}

func (e *refusal) Error() string { return "salesforcetest: " + e.code + ": " + e.message }

func noSuchObject(name string) error {
	return refuse(400, "INVALID_TYPE", "sObject type '"+name+"' is not supported. If you are attempting to use a custom object, "+
		"be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.")
}

func noSuchResource() error {
	return refuse(404, "NOT_FOUND", "The requested resource does not exist")
}

func noSuchField(field, object string) error {
	return refuse(400, "INVALID_FIELD", "No such column '"+field+"' on sobject of type "+object, field)
}
