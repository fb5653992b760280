// Package go_groups puts people into groups.
package go_groups

// Split gives groups of at most size names, in order; the last one may be smaller.
// A group never shares memory with another one.
func Split(names []string, size int) [][]string {
	var groups [][]string
	for start := 0; start+size <= len(names); start += size {
		end := start + size
		groups = append(groups, names[start:end])
	}
	return groups
}
