package settings

// Nearest is the choice that a mistyped word was probably meant to be: the one that the fewest insertions, deletions,
// replacements and exchanges of neighbours make of it, at most two and fewer than half its letters; "" if there is none.
func Nearest(word string, choices []string) string {
	best, found := min(2, (len(word)-1)/2), ""
	for _, choice := range choices {
		if d := distance(word, choice); d <= best && d > 0 && (found == "" || d < best) {
			best, found = d, choice
		}
	}
	return found
}

// distance is the optimal string alignment distance, over bytes.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1) // rows[i][j] is the distance of a[:i] to b[:j]
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range b {
		rows[0][j+1] = j + 1
	}
	for i := range len(a) {
		for j := range len(b) {
			replaced := rows[i][j]
			if a[i] != b[j] {
				replaced++
			}
			d := min(replaced, rows[i][j+1]+1, rows[i+1][j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(a)][len(b)]
}
