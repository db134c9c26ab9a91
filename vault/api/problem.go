package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/holdfast-backup/holdfast/vault"
)

var errNotFound = errors.New("no such path or method")

// rateError: too many requests.
type rateError struct{ wait time.Duration }

func (e *rateError) Error() string { return "too many requests" }

func invalid(reason string) error { return fmt.Errorf("%w: %s", vault.ErrInvalid, reason) }

// kinds are the errors that clients see, the first that fits.
var kinds = []struct {
	err    error
	code   Code
	status int
	title  string
}{
	{vault.ErrInvalid, CodeInvalid, http.StatusBadRequest, "The request is not valid."},
	{vault.ErrEnrolment, CodeEnrolment, http.StatusUnauthorized, "A new account needs the operator's enrolment token."},
	{vault.ErrWrongProof, CodeWrongProof, http.StatusForbidden, "The proof of the password is wrong."},
	{vault.ErrSignature, CodeSignature, http.StatusForbidden, "The management key's signature does not fit."},
	{vault.ErrNoAccount, CodeNoAccount, http.StatusNotFound, "There is no such account."},
	{vault.ErrStale, CodeStale, http.StatusConflict, "The account has changed meanwhile."},
	{vault.ErrDestroyed, CodeDestroyed, http.StatusGone, "The account is destroyed."},
	{vault.ErrWait, CodeWait, http.StatusTooManyRequests, "The account accepts no guess yet."},
	{errNotFound, CodeNotFound, http.StatusNotFound, "There is no such path or method."},
}

// problem answers with an error. What is not the client's matter is logged
// and stays here.
func (s *Server) problem(w http.ResponseWriter, err error) int {
	p := Problem{Type: TypePrefix + string(CodeUnavailable), Title: "The vault cannot work now.", Status: http.StatusServiceUnavailable}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			p = Problem{Type: TypePrefix + string(k.code), Title: k.title, Status: k.status}
			if k.code == CodeInvalid {
				p.Detail = err.Error()
			}
			break
		}
	}
	var wait *vault.WaitError
	var destroyed *vault.DestroyedError
	var rate *rateError
	if busy := (*vault.BusyError)(nil); errors.As(err, &busy) {
		err = &rateError{busy.Wait}
	}
	switch {
	case errors.As(err, &rate):
		p = Problem{Type: TypePrefix + string(CodeRate), Title: "Too many requests.", Status: http.StatusTooManyRequests}
		w.Header().Set("Retry-After", seconds(rate.wait))
	case errors.As(err, &wait):
		p.WaitUntil = wait.Until.UTC()
		w.Header().Set("Retry-After", seconds(wait.Until.Sub(s.p.Now())))
	case errors.As(err, &destroyed):
		p.Reason = destroyed.Reason
	case p.Status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
		if !errors.Is(err, context.Canceled) {
			s.p.Log.Error("the vault cannot work", "error", err)
		}
	}
	return writeJSON(w, "application/problem+json", p.Status, p)
}

// seconds rounds up, so that who waits as told is not told again.
func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))) }
