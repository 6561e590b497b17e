package salesforcetest

import (
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// receive hands requests to the loop until the stream ends.
func (s *subscription) receive(next func() request) {
	for {
		r := next()
		select {
		case s.requests <- r:
		case <-s.ctx.Done():
			return
		}
		if r.err != nil {
			return
		}
	}
}

// serve delivers until the client, the org or a rule ends the stream.
func (s *subscription) serve() error {
	for {
		wake, cut := s.bus.waits() // before looking, so that nothing is missed between
		// It may have been opened before all were cut, and served after it.
		if r, ok := s.source.(*busReader); ok && r.outlived() {
			return s.bus.cutError(s.ctx)
		}
		if err := s.alive(); err != nil {
			return err
		}
		delivered, err := s.deliver()
		if err != nil {
			return err
		}
		if err := s.answer(false); err != nil {
			return err
		}
		if s.pending == 0 && s.ended {
			return nil
		}
		if delivered {
			wake = closed // look again at once, but take a request first if one is here
		}
		if done, err := s.wait(wake, cut); done || err != nil {
			return err
		}
	}
}

// alive ends the stream when its token, its permission or what may be
// delivered is gone.
func (s *subscription) alive() error {
	if !s.authorized(s.token) {
		return refuseCall(s.ctx, codes.Unauthenticated, "service.auth.error",
			"An authentication exception occurred. Provide valid authentication via metadata headers.")
	}
	s.look()
	if err := s.permitted(); err != nil {
		return err
	}
	if s.managed != nil {
		if err := s.managed.alive(s.ctx); err != nil {
			return err
		}
	}
	return s.affordable()
}

// deliver sends what is there, or an empty response when one is due.
func (s *subscription) deliver() (bool, error) {
	if s.pending == 0 {
		return false, nil
	}
	n := s.bus.deliveries.left(s.pending)
	if n == 0 {
		return false, s.affordable()
	}
	r := s.source.take(n)
	if r.events == 0 {
		if time.Now().Before(s.silent) {
			return false, nil
		}
		latest, ok := s.source.pause()
		if !ok { // a commit is between its two steps
			s.silent = time.Now().Add(10 * time.Millisecond)
			return false, nil
		}
		r.latest = latest
	}
	if s.bus.deliveries.add(r.events) {
		s.bus.wakeAll()
	}
	s.pending = max(0, s.pending-r.events)
	now := time.Now()
	options := s.bus.settings()
	s.silent, s.idle = now.Add(options.keepAlive()), now.Add(options.idleClose())
	if !r.whole {
		r.frame = finishFrame(r.frame, r.latest, newUUID(), s.pending)
	}
	s.latest = r.latest
	return r.events > 0, s.stream.SendMsg(r.frame)
}

// wait returns when there may be something to do, and done when the stream is over.
func (s *subscription) wait(wake, cut <-chan struct{}) (done bool, err error) {
	timer := time.NewTimer(time.Until(s.due()))
	defer timer.Stop()
	select {
	case r := <-s.requests:
		return s.accept(r)
	default:
	}
	select {
	case r := <-s.requests:
		return s.accept(r)
	case <-wake:
	case <-s.revoked:
		s.revoked = nil // what it means is for alive to say
	case <-timer.C:
		return s.pending == 0 && !time.Now().Before(s.idle), nil
	case <-cut:
		return true, s.bus.cutError(s.ctx)
	case <-s.ctx.Done():
		return true, status.FromContextError(s.ctx.Err()).Err()
	}
	return false, nil
}

func (s *subscription) accept(r request) (done bool, err error) {
	switch {
	case errors.Is(r.err, io.EOF):
		s.ended, s.requests = true, nil
		return s.pending == 0, nil
	case r.err != nil:
		return true, r.err
	}
	if s.managed != nil {
		return false, s.acceptManaged(r)
	}
	return false, s.grant(r)
}

// due is when the stream has to look again if nothing happens.
func (s *subscription) due() time.Time {
	due := s.silent
	if s.pending == 0 {
		due = s.idle
	}
	if delay := s.bus.settings().PermissionDelay; delay > 0 {
		due = earlier(due, s.sight.taken.Add(delay))
	}
	if s.committed != nil {
		due = earlier(due, s.answerBy)
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
