package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-backup/holdfast/vault/api"
)

type schema struct {
	Ref                  string             `yaml:"$ref"`
	Type                 string             `yaml:"type"`
	Properties           map[string]*schema `yaml:"properties"`
	Required             []string           `yaml:"required"`
	AdditionalProperties *bool              `yaml:"additionalProperties"`
	Items                *schema            `yaml:"items"`
	Enum                 []any              `yaml:"enum"`
	Const                any                `yaml:"const"`
	Pattern              string             `yaml:"pattern"`
	Format               string             `yaml:"format"`
	MinLength            int                `yaml:"minLength"`
	MaxLength            int                `yaml:"maxLength"`
}

type content map[string]struct{ Schema *schema }

type operation struct {
	RequestBody struct{ Content content } `yaml:"requestBody"`
	Responses   map[string]struct{ Content content }
}

type spec struct {
	Paths      map[string]map[string]yaml.Node
	Components struct{ Schemas map[string]*schema }
}

func readSpec(t *testing.T) *spec {
	t.Helper()
	text, err := os.ReadFile("../openapi.yaml")
	must(t, err)
	var s spec
	must(t, yaml.Unmarshal(text, &s))
	return &s
}

var methods = []string{"get", "post", "delete", "put", "patch"}

func (s *spec) operations(t *testing.T) map[string]operation {
	t.Helper()
	all := map[string]operation{}
	for path, item := range s.Paths {
		for method, node := range item {
			if slices.Contains(methods, method) {
				var o operation
				must(t, node.Decode(&o))
				all[strings.ToUpper(method)+" "+path] = o
			}
		}
	}
	return all
}

// check holds one answer against the description.
func (s *spec) check(t *testing.T, method, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	parts := strings.Split(path, "/")
	if len(parts) > 3 && parts[2] == "accounts" {
		parts[3] = "{id}"
	}
	o, ok := s.operations(t)[method+" "+strings.Join(parts, "/")]
	if !ok {
		return // not described, so 404; the tests of that look at it
	}
	response, ok := o.Responses[fmt.Sprint(w.Code)]
	if !ok {
		t.Errorf("%s %s: openapi.yaml has no status %d", method, path, w.Code)
		return
	}
	if len(response.Content) == 0 {
		if w.Body.Len() > 0 {
			t.Errorf("%s %s: %d with a body", method, path, w.Code)
		}
		return
	}
	c, ok := response.Content[w.Header().Get("Content-Type")]
	if !ok {
		t.Errorf("%s %s: openapi.yaml has no %s for %d", method, path, w.Header().Get("Content-Type"), w.Code)
		return
	}
	var body any
	must(t, json.Unmarshal(w.Body.Bytes(), &body))
	for _, problem := range s.violations(c.Schema, body, "body") {
		t.Errorf("%s %s: %s", method, path, problem)
	}
}

func (s *spec) violations(c *schema, v any, at string) (found []string) {
	add := func(format string, args ...any) { found = append(found, at+": "+fmt.Sprintf(format, args...)) }
	if c.Ref != "" {
		return s.violations(s.Components.Schemas[strings.TrimPrefix(c.Ref, "#/components/schemas/")], v, at)
	}
	if c.Enum != nil && !slices.Contains(c.Enum, v) {
		add("%v is not one of %v", v, c.Enum)
	}
	if c.Const != nil && fmt.Sprint(c.Const) != fmt.Sprint(v) {
		add("%v is not %v", v, c.Const)
	}
	switch c.Type {
	case "object":
		object, ok := v.(map[string]any)
		if !ok {
			add("not an object")
			return found
		}
		for _, name := range c.Required {
			if _, ok := object[name]; !ok {
				add("%s is missing", name)
			}
		}
		for name, value := range object {
			if p := c.Properties[name]; p != nil {
				found = append(found, s.violations(p, value, at+"."+name)...)
			} else {
				add("%s is not described", name)
			}
		}
	case "array":
		list, ok := v.([]any)
		if !ok {
			add("not an array")
		}
		for _, item := range list {
			found = append(found, s.violations(c.Items, item, at+"[]")...)
		}
	case "string":
		text, ok := v.(string)
		switch {
		case !ok:
			add("not a string")
		case c.MinLength > 0 && len(text) < c.MinLength, c.MaxLength > 0 && len(text) > c.MaxLength:
			add("it has %d characters", len(text))
		case c.Pattern != "" && !regexp.MustCompile(c.Pattern).MatchString(text):
			add("%q does not match %s", text, c.Pattern)
		}
		if _, err := time.Parse(time.RFC3339, text); c.Format == "date-time" && err != nil {
			add("%q is not a time", text)
		}
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			add("%v is not an integer", v)
		}
	}
	return found
}

// The description and the server have the same routes, and the same fields.
func TestOpenAPI(t *testing.T) {
	s := readSpec(t)
	var described []string
	for name := range s.operations(t) {
		described = append(described, name)
	}
	slices.Sort(described)
	if served := api.Routes(); !slices.Equal(served, described) {
		t.Errorf("served:    %q\ndescribed: %q", served, described)
	}
	for name, value := range map[string]any{"Vault": api.Vault{}, "Account": api.Account{}, "Guess": api.Guess{},
		"RegistrationStart": api.RegistrationStart{}, "RegistrationReply": api.RegistrationReply{},
		"RegistrationFinish": api.RegistrationFinish{}, "RecoveryStart": api.RecoveryStart{}, "RecoveryReply": api.RecoveryReply{},
		"RecoveryFinish": api.RecoveryFinish{}, "Released": api.Released{}, "Problem": api.Problem{}} {
		c := s.Components.Schemas[name]
		if c == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		if c.AdditionalProperties == nil || *c.AdditionalProperties {
			t.Errorf("%s allows unknown fields", name)
		}
		fields := map[string]bool{}
		kind := reflect.TypeOf(value)
		for i := range kind.NumField() {
			tag := strings.Split(kind.Field(i).Tag.Get("json"), ",")
			fields[tag[0]] = true
			if optional := len(tag) > 1; optional == slices.Contains(c.Required, tag[0]) {
				t.Errorf("%s.%s: required in one, optional in the other", name, tag[0])
			}
			if c.Properties[tag[0]] == nil {
				t.Errorf("%s.%s is not described", name, tag[0])
			}
		}
		for p := range c.Properties {
			if !fields[p] {
				t.Errorf("%s.%s is described and does not exist", name, p)
			}
		}
	}
}
