package salesforcetest

func (o *Org) populate() error { return nil }
