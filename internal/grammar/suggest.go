package grammar

import "strings"

// Suggest returns the one of the known names that a name was probably meant to
// be, or "" if no known name resembles it, or several do.
func Suggest(name string, known []string) string {
	if meant := resembling(name, known); len(meant) == 1 {
		return meant[0]
	}
	return ""
}

// suggestAll is like Suggest, but names all that resemble it: "a or b".
func suggestAll(name string, known []string) string {
	return strings.Join(resembling(name, known), " or ")
}

// resembling returns the known name with the fewest other letters, or else the few of
// which the name is a part, such as prod of production.
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

// closest returns the known name with the fewest letters to change, or "" if there are too
// many.
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

// plainName is a name without what people write differently: appId, app-id,
// APP_ID.
func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// editDistance is the number of letters to add, remove or replace to make b of
// a (Levenshtein's distance).
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
