// Package go_groups puts people into groups.
package go_groups

// Split gives groups of at most size names, in order; the last one may be smaller.
// A group never shares memory with another one.
func Split(names []string, size int) [][]string {
	if size < 1 {
		return nil
	}
	var groups [][]string
	for start := 0; start < len(names); start += size {
		end := start + size
		if end > len(names) {
			end = len(names)
		}
		groups = append(groups, append([]string(nil), names[start:end]...))
	}
	return groups
}
