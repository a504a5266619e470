package diagnosis

import (
	"slices"
)

// maxPermuted is how many members are put in every order: there are 5040 orders of seven.
const maxPermuted = 7

// reordered yields the bodies with the members of the envelope, or of data, in any other
// order, as unordered maps produce.
func reordered(body []byte) candidates {
	root, err := parse(body)
	if err != nil {
		return none
	}
	finding := Finding{JSONRewritten, "The signature covers the same JSON with its members in another order, as unordered maps write it (HashMap)." + exactBytes}
	return func(yield func(Finding, []byte) bool) {
		for _, n := range []*node{root, root.member("data")} {
			if n == nil || n.kind != '{' || len(n.names) > maxPermuted {
				continue
			}
			more := true
			permute(n, len(n.names), func() bool {
				more = yield(finding, root.write(nil, &plain, 0))
				return more
			})
			if !more {
				return
			}
		}
	}
}

// permute puts the first members of an object in every order (Heap's algorithm) and calls
// visit for each, until visit returns false. It restores the original order at the end.
func permute(n *node, members int, visit func() bool) bool {
	names, values := slices.Clone(n.names), slices.Clone(n.values)
	defer func() { n.names, n.values = names, values }()

	swap := func(i, j int) {
		n.names[i], n.names[j] = n.names[j], n.names[i]
		n.values[i], n.values[j] = n.values[j], n.values[i]
	}
	counters := make([]int, members)
	if !visit() {
		return false
	}
	for i := 1; i < members; {
		if counters[i] >= i {
			counters[i] = 0
			i++
			continue
		}
		if i%2 == 0 {
			swap(0, i)
		} else {
			swap(counters[i], i)
		}
		if !visit() {
			return false
		}
		counters[i]++
		i = 1
	}
	return true
}
