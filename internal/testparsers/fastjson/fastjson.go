// Package fastjson is a model, for tests, of how fastjson 1.2.83 parses JSON according to
// its source. It models what fastjson does with valid JSON: it binds members to a class
// by "smart match", uses the last of several members with the same name, and acts upon
// "$ref" and "@type". It does not model what else fastjson accepts, such as comments and
// single quotes: the sidecar does not pass that on.
package fastjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf16"
)

// errActs is the error for a document with a member that fastjson acts upon
// (DefaultJSONParser.parseObject, with DisableSpecialKeyDetect off, which is the
// default): the parsed values then differ from the written ones.
var errActs = errors.New("fastjson acts upon a member's name")

// member is a member of an object, in the order of the text.
type member struct {
	name  string
	value json.RawMessage
}

// Map parses a document into maps like JSON.parseObject(text).
func Map(document []byte, _ []string) (top, data map[string]any, err error) {
	if err := actsUponNothing(document); err != nil {
		return nil, nil, err
	}
	whole, err := object(document)
	if err != nil {
		return nil, nil, err
	}
	top = make(map[string]any)
	for _, m := range whole {
		top[m.name] = value(m.value)
	}
	data, _ = top["data"].(map[string]any)
	return top, data, nil
}

// Bean parses a document into a class that has a field for each of the names, and an
// object named data with the same fields.
func Bean(document []byte, names []string) (top, data map[string]any, err error) {
	if err := actsUponNothing(document); err != nil {
		return nil, nil, err
	}
	whole, err := object(document)
	if err != nil {
		return nil, nil, err
	}
	top, raw := bind(whole, append([]string{"data"}, names...))
	if inner, err := object(raw["data"]); err == nil {
		data, _ = bind(inner, names)
	}
	return top, data, nil
}

// bind finds the field of each member like JavaBeanDeserializer.smartMatch: the field
// with exactly this name, or else the field whose number is that of the member in lower
// case, or of the member without "_" and "-", unless that field has been set already.
func bind(members []member, names []string) (values map[string]any, raw map[string]json.RawMessage) {
	fields := make(map[uint64]string)
	exact := make(map[string]bool)
	for _, name := range names {
		fields[extract(name)] = name
		exact[name] = true
	}
	values, raw = make(map[string]any), make(map[string]json.RawMessage)
	for _, m := range members {
		name := m.name
		if !exact[name] {
			var ok bool
			if name, ok = fields[lower(m.name)]; !ok {
				name, ok = fields[extract(m.name)]
			}
			if _, isSet := raw[name]; !ok || isSet {
				continue
			}
		}
		values[name], raw[name] = value(m.value), m.value
	}
	return values, raw
}

// lower implements TypeUtils.fnv1a_64_lower.
func lower(name string) uint64 { return fnv(name, false) }

// extract implements TypeUtils.fnv1a_64_extract, which identifies fields (FieldInfo).
func extract(name string) uint64 { return fnv(name, true) }

func fnv(name string, skips bool) uint64 {
	hash := uint64(0xcbf29ce484222325)
	for _, char := range utf16.Encode([]rune(name)) {
		switch {
		case skips && (char == '_' || char == '-'):
			continue
		case 'A' <= char && char <= 'Z':
			char += 'a' - 'A'
		}
		hash = (hash ^ uint64(char)) * 0x100000001b3
	}
	return hash
}

// object returns the members of an object.
func object(text []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	token, err := d.Token()
	if err != nil || token != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var members []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	if _, err := d.Token(); err != nil || d.More() {
		return nil, errors.New("not one object")
	}
	return members, nil
}

// value decodes a value. Numbers keep all digits, like BigDecimal.
func value(text json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var read any
	_ = d.Decode(&read) // cannot fail: it was decoded before
	return read
}

// actsUponNothing returns errActs if fastjson acts upon any member, at any depth.
func actsUponNothing(document []byte) error {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var whole any
	if err := d.Decode(&whole); err != nil {
		return err
	}
	return search(whole)
}

func search(value any) error {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if name == "$ref" || strings.HasPrefix(name, "@type") {
				return errActs
			}
			if err := search(inner); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range value {
			if err := search(inner); err != nil {
				return err
			}
		}
	}
	return nil
}
