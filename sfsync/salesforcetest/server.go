package salesforcetest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// servers are the org's listeners: the login host, My Domain and the Pub/Sub
// API, each with TLS and, if asked for, in plaintext beside it.
type servers struct {
	ports map[string]int
	web   []*http.Server
	grpc  []net.Listener
	wait  sync.WaitGroup
}

// listen opens every listener, on the ports of the last run where it can.
func (o *Org) listen() error {
	o.servers.ports = map[string]int{}
	web := map[string]http.HandlerFunc{"login": o.serveLogin, "instance": o.serveInstance}
	for name, handler := range web {
		if err := o.serveWeb(name, handler, true); err != nil {
			return err
		}
		if !o.cfg.Plaintext {
			continue
		}
		if err := o.serveWeb(name, handler, false); err != nil {
			return err
		}
	}
	if err := o.serveEvents("pubsub", true); err != nil {
		return err
	}
	if o.cfg.Plaintext {
		if err := o.serveEvents("pubsub", false); err != nil {
			return err
		}
	}
	o.state.Ports = o.servers.ports
	return o.state.save(filepath.Join(o.dir, "org.json"))
}

// bind opens a port on loopback, the one of the last run if it is free.
func (o *Org) bind(name string, secure bool) (net.Listener, error) {
	key := portKey(name, secure)
	listen := o.cfg.Listen
	if listen == nil {
		listen = loopback
	}
	l, err := listen(o.state.Ports[key])
	if err == nil {
		o.servers.ports[key] = l.Addr().(*net.TCPAddr).Port
	}
	return l, err
}

func loopback(port int) (net.Listener, error) {
	if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
		return l, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

func portKey(name string, secure bool) string {
	if secure {
		return name
	}
	return name + "-plain"
}

func (o *Org) serveWeb(name string, handler http.HandlerFunc, secure bool) error {
	l, err := o.bind(name, secure)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: o.intercepted(handler), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		MaxHeaderBytes: 16384} // URI and headers together, REST API Developer Guide, "Status Codes", 414 and 431
	o.servers.web = append(o.servers.web, s)
	if secure {
		s.TLSConfig = o.ca.config("h2", "http/1.1")
		o.servers.wait.Go(func() { _ = s.ServeTLS(l, "", "") }) // it ends by close
	} else {
		o.servers.wait.Go(func() { _ = s.Serve(l) })
	}
	return nil
}

func (o *Org) serveEvents(name string, secure bool) error {
	l, err := o.bind(name, secure)
	if err != nil {
		return err
	}
	if secure {
		conf := o.ca.config("h2")
		if o.cfg.PubSub.TLS12 {
			conf.MinVersion, conf.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		}
		l = tls.NewListener(l, conf)
	}
	o.servers.grpc = append(o.servers.grpc, l)
	o.servers.wait.Go(func() { o.servePubSub(l) })
	return nil
}

// close ends the web servers, with what they were answering, and the
// listeners of the Pub/Sub API, then waits for all of them.
func (s *servers) close() (err error) {
	for _, web := range s.web {
		err = errors.Join(err, web.Close())
	}
	return err
}

// LoginURL is the login host, which answers OAuth only.
func (o *Org) LoginURL() string { return o.url("login", true) }

// InstanceURL is the My Domain host, which answers OAuth and the data APIs.
func (o *Org) InstanceURL() string { return o.url("instance", true) }

// PubSubAddress is host:port of the Pub/Sub API.
func (o *Org) PubSubAddress() string { return o.host("pubsub", true) }

// PlaintextLoginURL, PlaintextInstanceURL and PlaintextPubSubAddress are the
// listeners without TLS, "" without Config.Plaintext.
func (o *Org) PlaintextLoginURL() string      { return o.url("login", false) }
func (o *Org) PlaintextInstanceURL() string   { return o.url("instance", false) }
func (o *Org) PlaintextPubSubAddress() string { return o.host("pubsub", false) }

func (o *Org) url(name string, secure bool) string {
	host := o.host(name, secure)
	switch {
	case host == "":
		return ""
	case secure:
		return "https://" + host
	}
	return "http://" + host
}

func (o *Org) host(name string, secure bool) string {
	port := o.servers.ports[portKey(name, secure)]
	if port == 0 {
		return ""
	}
	return net.JoinHostPort("localhost", strconv.Itoa(port))
}

func (o *Org) serveLogin(w http.ResponseWriter, r *http.Request) {
	if !o.serveIdentity(w, r, cleanPath(r), false) {
		http.NotFound(w, r)
	}
}

func (o *Org) serveInstance(w http.ResponseWriter, r *http.Request) {
	path := cleanPath(r)
	switch {
	case o.serveIdentity(w, r, path, true):
	case len(path) >= 2 && path[0] == "services" && path[1] == "data":
		o.serveData(w, r, path[2:])
	default:
		http.NotFound(w, r)
	}
}

// cleanPath splits a path; empty parts, as in //services/data, do not count.
func cleanPath(r *http.Request) []string {
	return strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
}

// pause waits, or less if the caller goes away.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
