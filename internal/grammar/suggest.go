package grammar

import "strings"

// Suggest returns the known name that a name was probably meant to be, or "" if no known name
// resembles it, or several do.
func Suggest(name string, known []string) string {
	if meant := resembling(name, known); len(meant) == 1 {
		return meant[0]
	}
	return ""
}

// suggestAll is like Suggest, but returns all names that resemble it: "a or b".
func suggestAll(name string, known []string) string {
	return strings.Join(resembling(name, known), " or ")
}

// resembling returns the known name with the fewest differing letters. If none is close, it
// returns the few known names that begin or end with the name, as production does with prod.
func resembling(name string, known []string) []string {
	if closest := closest(name, known); closest != "" {
		return []string{closest}
	}
	const shortest, few = 3, 3
	plain := plainName(name)
	if len(plain) < shortest {
		return nil
	}
	var longer []string
	for _, candidate := range known {
		if whole := plainName(candidate); strings.HasPrefix(whole, plain) || strings.HasSuffix(whole, plain) {
			longer = append(longer, candidate)
		}
	}
	if len(longer) > few {
		return nil
	}
	return longer
}

// closest returns the known name with the fewest letters to change, or "" if too many would
// have to change.
func closest(name string, known []string) string {
	plain := plainName(name)
	best, distance := "", max(1, len(plain)/3)+1
	for _, candidate := range known {
		if d := editDistance(plain, plainName(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// plainName returns a name without common variations in spelling: appId, app-id and APP_ID
// are the same.
func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// editDistance returns the number of letters to add, remove or replace to turn a into b (the
// Levenshtein distance).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
