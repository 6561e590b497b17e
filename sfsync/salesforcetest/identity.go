package salesforcetest

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
)

// state is what an org is apart from its records: org.json in its directory.
type state struct {
	OrgID          string                     `json:"orgId"`
	OrgSerial      int64                      `json:"orgSerial"`
	UserID         string                     `json:"userId"`
	Instance       string                     `json:"instance,omitempty"`
	Username       string                     `json:"username"`
	ConsumerKey    string                     `json:"consumerKey"`
	ConsumerSecret string                     `json:"consumerSecret"`
	Password       string                     `json:"password"`
	Ports          map[string]int             `json:"ports"`
	Describes      map[string]json.RawMessage `json:"describes,omitempty"` // of objects whose fields were changed
}

// loadState reads the identity, or makes one and keeps it.
func loadState(path string) (state, error) {
	var s state
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		n, err := rand.Int(rand.Reader, big.NewInt(1<<40))
		if err != nil {
			return s, err
		}
		s = state{OrgID: recordID("00D", n.Int64()), OrgSerial: n.Int64(), UserID: recordID("005", 1),
			Username: "sync-" + lower(randomText(8)) + "@example.com", ConsumerKey: "3MVG9" + randomText(80),
			ConsumerSecret: randomText(64), Password: randomText(24), Ports: map[string]int{}}
		return s, s.save(path)
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("salesforcetest: %s: %w", filepath.Base(path), err)
	}
	s.Password = cmp.Or(s.Password, randomText(24)) // an org of an earlier version has none
	return s, nil
}

// save replaces the file in one step, so that a kill leaves the old or the new.
func (s state) save(path string) error {
	raw, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// save keeps the org's state, and panics like Insert. The caller holds o.mu.
func (o *Org) save() {
	if err := o.state.save(filepath.Join(o.dir, "org.json")); err != nil {
		panic(err)
	}
}

// loadJWTKey reads the key whose certificate the connected app has, or makes one.
func loadJWTKey(path string) (*rsa.PrivateKey, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return key, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("salesforcetest: %s holds no PEM block", filepath.Base(path))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("salesforcetest: %s holds no RSA key", filepath.Base(path))
	}
	return rsaKey, nil
}

// insertUser makes the integration user, who is the first record of an org.
func (o *Org) insertUser() error {
	u := o.object("User")
	values := make([]string, u.slots)
	for name, v := range map[string]string{"Username": o.state.Username, "LastName": "Integration", "FirstName": "Sync",
		"Name": "Sync Integration", "Email": o.state.Username, "Alias": "sync", "IsActive": "true", "UserType": "Standard",
		"ProfileId": recordID("00e", 1), "TimeZoneSidKey": "America/Los_Angeles", "CreatedById": o.state.UserID,
		"LastModifiedById": o.state.UserID, "CreatedDate": datetime(o.now().Unix()), "LastModifiedDate": datetime(o.now().Unix())} {
		if f := u.field(name); f != nil {
			values[f.slot] = v
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.install(o.number+1, []change{{table: u.Name, after: &row{serial: 1, stamp: o.now().Unix(), packed: pack(values)}}})
}

// OrgID is the org's 18-character id.
func (o *Org) OrgID() string { return o.state.OrgID }

// UserID is the integration user's 18-character id.
func (o *Org) UserID() string { return o.state.UserID }

// Username is the integration user's name, the subject of JWT sign-in.
func (o *Org) Username() string { return o.state.Username }

// ConsumerKey is the connected app's client id.
func (o *Org) ConsumerKey() string { return o.state.ConsumerKey }

// ClientSecret is the connected app's secret, for client credentials.
func (o *Org) ClientSecret() string { return o.state.ConsumerSecret }

// Password is the integration user's, for the clients that sign in with one.
func (o *Org) Password() string { return o.state.Password }

// CAFile is the path of the certificate clients of this run trust, in PEM.
func (o *Org) CAFile() string { return filepath.Join(o.dir, "ca.pem") }

// JWTKeyFile is the path of the RSA key that signs JWT sign-ins, in PEM. It
// panics if the file cannot be written or read.
func (o *Org) JWTKeyFile() string {
	if _, err := o.jwtKey(); err != nil {
		panic(err)
	}
	return filepath.Join(o.dir, "jwt.pem")
}

// Getenv answers the settings of this org by the names of their environment
// variables, and "" for any other: it takes the place of os.Getenv.
func (o *Org) Getenv(name string) string {
	settings := map[string]func() string{
		"SFSYNC_LOGIN_URL":       o.LoginURL,
		"SFSYNC_INSTANCE_URL":    o.InstanceURL,
		"SFSYNC_ORG_ID":          o.OrgID,
		"SFSYNC_CONSUMER_KEY":    o.ConsumerKey,
		"SFSYNC_USERNAME":        o.Username,
		"SFSYNC_JWT_KEY_FILE":    o.JWTKeyFile,
		"SFSYNC_CLIENT_SECRET":   o.ClientSecret,
		"SFSYNC_PUBSUB_ENDPOINT": o.PubSubAddress,
		"SFSYNC_CA_FILE":         o.CAFile,
	}
	if get := settings[name]; get != nil {
		return get()
	}
	return ""
}
