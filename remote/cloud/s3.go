package cloud

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	_ "github.com/rclone/rclone/backend/s3" // the backend that s3 names
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
)

// s3 is a bucket of Amazon S3 or of a service like it.
func s3(a address.Address, secret address.Secret) backend {
	or := func(key, usual string) string {
		if v := a.Query.Get(key); v != "" {
			return v
		}
		return usual
	}
	provider := "Other"
	if a.Query.Get("endpoint") == "" {
		provider = "AWS"
	}
	return backend{
		name: "s3",
		root: strings.TrimSuffix(a.Host+a.Path, "/") + "/", // with a slash, no object is taken for the root
		settings: configmap.Simple{
			"provider":            or("provider", provider),
			"access_key_id":       secret["access_key_id"],
			"secret_access_key":   secret["secret_access_key"],
			"session_token":       secret["session_token"],
			"endpoint":            a.Query.Get("endpoint"),
			"region":              or("region", "us-east-1"),
			"location_constraint": map[bool]string{true: a.Query.Get("region")}[provider == "AWS" && a.Query.Get("region") != "us-east-1"],
			"force_path_style":    fmt.Sprint(a.Query.Get("style") != "host" && provider != "AWS"),
			"env_auth":            "false",
			"no_check_bucket":     "true", // else it makes one that is gone
			"no_head":             "true", // Store looks itself
			"upload_cutoff":       "200Mi",
			"encoding":            "None", // names are plain everywhere
			"acl":                 "",
			"no_system_metadata":  "true",
		},
		fresh: []fs.OpenOption{&fs.HTTPOption{Key: "If-None-Match", Value: "*"}},
		told:  s3Told,
	}
}

// s3Told turns S3's answers into errors of store.
func s3Told(err error) error {
	var api smithy.APIError
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	status := 0
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	words := fmt.Sprintf("the service answers %d %s", status, code)
	switch {
	case status == http.StatusPreconditionFailed:
		return store.ErrExists
	case code == "NoSuchBucket":
		return errGone
	case code == "InvalidAccessKeyId", code == "SignatureDoesNotMatch", code == "InvalidToken", code == "ExpiredToken",
		status == http.StatusUnauthorized:
		return fmt.Errorf("%w: the service does not accept the access key (%s)", store.ErrSignIn, code)
	case code == "QuotaExceeded", code == "XMinioStorageFull", code == "InsufficientStorage", status == http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %s", store.ErrNoSpace, words)
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: %s", store.ErrPermission, words)
	case status == http.StatusConflict, status == http.StatusInternalServerError, status == http.StatusBadGateway,
		status == http.StatusServiceUnavailable:
		return fmt.Errorf("%w: %s", errFailed, words)
	case status != 0:
		return fmt.Errorf("%w: %s", store.ErrUnreachable, words)
	}
	// Not wrapped: an EOF of the connection is none of the object.
	return fmt.Errorf("%w: %s", store.ErrUnreachable, err.Error())
}
