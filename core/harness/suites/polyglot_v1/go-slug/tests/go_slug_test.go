package go_slug

import "testing"

func TestSlug(t *testing.T) {
	for title, want := range map[string]string{
		"Hello World":   "hello-world",
		"Crème brûlée":  "crème-brûlée",
		"C++ & Go!":     "c-go",
		"  2 for 1  ":   "2-for-1",
		"ÄRGER -- über": "ärger-über",
		"?!":            "",
	} {
		if got := Slug(title); got != want {
			t.Errorf("%q: got %q, want %q", title, got, want)
		}
	}
}
