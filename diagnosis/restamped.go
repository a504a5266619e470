package diagnosis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// stampLayout is the layout of requestTime in the sidecar and in PayerMax's
// documentation.
const stampLayout = "2006-01-02T15:04:05.000Z07:00"

// The bounds of the search for another requestTime.
const (
	// sweep is the maximum distance from the requestTime in the body: PayerMax allows no
	// more.
	sweep = protocol.RequestTimeTolerance
	// maxSwept is the length of the longest body for which other times are tried, in bytes.
	maxSwept = 2 << 10
)

// restamped yields the bodies with another version or keyVersion, or with the same
// requestTime in another notation.
func restamped(body []byte) candidates {
	if len(body) > maxTakenApart {
		return none
	}
	places := envelopePlaces(body)
	return func(yield func(Finding, []byte) bool) {
		_ = otherVersions(body, places, yield) && otherNotations(body, places, yield)
	}
}

// place is the position of a member's value in a body, including its quotes, and the
// value.
type place struct {
	begin, end int
	value      string
}

// in returns the body with another value at the place.
func (p place) in(body []byte, value string) []byte {
	quoted := `"` + value + `"`
	return slices.Concat(body[:p.begin], []byte(quoted), body[p.end:])
}

// envelopePlaces returns the places of the envelope's string members, by name.
func envelopePlaces(body []byte) map[string]place {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil
	}
	places := make(map[string]place)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil
		}
		var value string
		if json.Unmarshal(raw, &value) == nil && string(raw) == `"`+value+`"` {
			end := int(decoder.InputOffset())
			places[name.(string)] = place{end - len(raw), end, value} // a member's name is always a string
		}
	}
	return places
}

// otherVersions yields the body with other versions of PayerMax's API, and other key
// versions.
func otherVersions(body []byte, places map[string]place, yield func(Finding, []byte) bool) bool {
	for name, values := range map[string][]string{
		"version":    {"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9", "2.0"},
		"keyVersion": {"1", "2", "3"},
	} {
		place, ok := places[name]
		if !ok {
			continue
		}
		for _, value := range values {
			finding := Finding{Restamped, fmt.Sprintf("The signature covers this body with %s %s: the %s was changed after signing. Complete the body first, then sign it.", name, value, name)}
			if !yield(finding, place.in(body, value)) {
				return false
			}
		}
	}
	return true
}

// otherNotations yields the body with the same requestTime as other programs write it.
func otherNotations(body []byte, places map[string]place, yield func(Finding, []byte) bool) bool {
	place, stamp, ok := requestTime(places)
	if !ok {
		return true
	}
	const advice = "The signature covers this body with the same requestTime in another notation, as a program writes it after parsing it as a time. Sign the text that is sent."
	zones := []*time.Location{time.UTC, stamp.Location(), time.FixedZone("", 8*60*60)}
	for _, layout := range []string{stampLayout, "2006-01-02T15:04:05.000-07:00", time.RFC3339Nano, "2006-01-02T15:04:05.999-07:00", time.RFC3339, "2006-01-02T15:04:05-07:00", "2006-01-02T15:04:05.000-0700", "2006-01-02 15:04:05"} {
		for _, zone := range zones {
			if !yield(Finding{Restamped, advice}, place.in(body, stamp.In(zone).Format(layout))) {
				return false
			}
		}
	}
	return true
}

// isRestamped tries every other requestTime, to the millisecond, within sweep of the one
// in the body, nearest first. It does not use candidates, because there are a quarter of
// a million of these times, all of the same length.
func (s signed) isRestamped(body []byte) (Finding, bool) {
	if s.hash == 0 || len(body) > maxSwept {
		return Finding{}, false
	}
	place, stamp, ok := requestTime(envelopePlaces(body))
	layout, known := layoutOf(place.value, stamp)
	if !ok || !known {
		return Finding{}, false
	}
	candidate := slices.Clone(body)
	value := candidate[place.begin+1 : place.end-1]
	h := s.hash.New()
	digest := make([]byte, 0, s.hash.Size())
	text := make([]byte, 0, 2*len(value))
	for shift := range distances(sweep) {
		text = stamp.Add(shift).AppendFormat(text[:0], layout)
		copy(value, text)
		h.Reset()
		h.Write(candidate)
		if digest = h.Sum(digest[:0]); s.coversDigest(digest) {
			return Finding{Restamped, "The signature covers this body with " + shifted(shift) + ": requestTime was set again after signing. Set it once, then sign."}, true
		}
	}
	return Finding{}, false
}

// layoutOf returns the layout with milliseconds in which a time is written.
func layoutOf(text string, stamp time.Time) (string, bool) {
	for _, layout := range []string{stampLayout, "2006-01-02T15:04:05.000-07:00"} {
		if stamp.Format(layout) == text {
			return layout, true
		}
	}
	return "", false
}

// shifted describes how the signed requestTime differs.
func shifted(shift time.Duration) string {
	if shift < 0 {
		return fmt.Sprintf("a requestTime %s earlier", -shift)
	}
	return fmt.Sprintf("a requestTime %s later", shift)
}

// requestTime returns the requestTime and its place.
func requestTime(places map[string]place) (place, time.Time, bool) {
	place, ok := places["requestTime"]
	if !ok {
		return place, time.Time{}, false
	}
	stamp, err := time.Parse(time.RFC3339, place.value)
	return place, stamp, err == nil
}

// distances yields -1 ms, 1 ms, -2 ms, 2 ms and so on, up to limit.
func distances(limit time.Duration) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for shift := time.Millisecond; shift <= limit; shift += time.Millisecond {
			if !yield(-shift) || !yield(shift) {
				return
			}
		}
	}
}
